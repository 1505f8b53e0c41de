import { frameBytes } from '../support/frames.ts'
import { UPGRADE_HEADERS } from '../support/raw-http.ts'
import type { Headers } from './mode.ts'

const BOUNDARY = 'boundary'
export const JSON_TYPE = { 'Content-Type': 'application/json' }
export const MULTIPART_TYPE = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` }

/** What only users may ask for, and what is open to everybody. */
export const ENDPOINTS = [
  '/send_chat_message.php',
  '/get_conversations.php',
  '/get_conversation_messages.php',
  '/mark_as_read.php',
  '/block_unblock_user.php',
  '/get_chat_user_status.php',
]
export const OPEN_ROUTES = [
  '/chat_websocket_broadcast.php',
  '/client_config.json',
  '/health',
  '/metrics',
  '/status.json',
]

/** Opcodes of RFC 6455. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** The head of a request, with the empty line. Headers may be as odd as they like. */
export function head(method: string, target: string, headers: Headers = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}\r\n`
}

/** A whole request with a JSON body. */
export function post(target: string, parameters: object | string, headers: Headers = {}): string {
  const body = typeof parameters === 'string' ? parameters : JSON.stringify(parameters)
  const length = { 'Content-Length': String(Buffer.byteLength(body)) }
  return head('POST', target, { ...JSON_TYPE, ...length, ...headers }) + body
}

/** A request for a WebSocket. */
export function upgrade(query: string, headers: Headers = {}): string {
  return head('GET', `/?${query}`, { ...UPGRADE_HEADERS, ...headers })
}

/** A frame of a client, masked. */
export function frame(opcode: number, payload: string | Buffer = '', isFinal = true): Buffer {
  const bytes = Buffer.from(payload as Buffer)
  return frameBytes({ opcode, isFinal, reserved: 0, isMasked: true, lie: 0, payload: bytes })
}

export function eventFrame(event: string, data: object): Buffer {
  return frame(OPCODE.text, JSON.stringify({ event, data }))
}

/** Everything of a file in a multipart body that comes before its content. */
export function fileStart(name: string, fields: Record<string, string | number> = {}): string {
  const parts = Object.entries(fields).map(([field, value]) => part(field, String(value)))
  return `${parts.join('')}${part(`${name}"; filename="${name}.bin`, '').slice(0, -2)}`
}

function part(name: string, content: string): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`
}

/** JSON of about so many bytes that costs its reader more than they look like. */
export const COSTLY_JSON = {
  nested: (bytes: number) => {
    const levels = Math.floor((bytes - 6) / 2)
    return `{"x":${'['.repeat(levels)}${']'.repeat(levels)}}`
  },
  // As published: it is never closed.
  open: (bytes: number) => `{"x":${'['.repeat(bytes - 5)}`,
  keys: (bytes: number) => {
    const count = Math.floor(bytes / 14)
    return `{${Array.from({ length: count }, (_, at) => `"k${at}":{"k":0}`).join()}}`.slice(
      0,
      bytes,
    )
  },
  objects: (bytes: number) => `{"x":[${'{"k1":0},'.repeat(Math.floor((bytes - 10) / 9))}0]}`,
}
