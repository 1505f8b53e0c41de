import type { IncomingMessage } from 'node:http'
import { ChatError } from '../errors.ts'
import { queryOf } from '../urls.ts'

/** The prefix of a token as a WebSocket subprotocol: `new WebSocket(url, ['chat', 'bearer.…'])`. */
export const TOKEN_PROTOCOL = 'bearer.'

/** @throws ChatError `unauthenticated` for a request without a token */
export function requireToken(request: IncomingMessage): string {
  const token = bearerToken(request) ?? protocolToken(request) ?? queryToken(request)
  if (token !== undefined) return token
  throw new ChatError('unauthenticated', 'Send a token: Authorization: Bearer …, or ?token=…')
}

/** The token of `Authorization: Bearer`. */
export function bearerToken(request: IncomingMessage): string | undefined {
  return /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
}

function protocolToken(request: IncomingMessage): string | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',')
  const protocol = offered.map((one) => one.trim()).find((one) => one.startsWith(TOKEN_PROTOCOL))
  return protocol?.slice(TOKEN_PROTOCOL.length)
}

function queryToken(request: IncomingMessage): string | undefined {
  return new URLSearchParams(queryOf(request)).get('token') ?? undefined
}
