import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Clock } from '../../../src/chat/clock.ts'
import { integerFrom } from '../../../src/chat/integers.ts'
import { MESSAGE_LENGTH_MAX } from './peer.ts'

/** Sends an event to all sockets of a user; null: to everybody's. */
export type Deliver = (event: string, userId: number | null, data: object) => void

type Parameters = Record<string, unknown>

interface Message {
  message_id: number
  sender_id: number
  receiver_id: number
  message_type: 'text'
  message: string
  created_at: string
}

/** The client's mistake, told in the document's error response. */
class BadRequest extends Error {}

const clock = new Clock()

/**
 * The documented HTTP side of a chat that keeps its messages in memory: what any chat on Node.js has
 * to do for a message, whatever its sockets are.
 */
export class MemoryChat {
  readonly server: Server
  readonly #deliver: Deliver
  readonly #messages: Message[] = []
  /** By both users' ids, the lower one first. */
  readonly #conversations = new Map<string, Message[]>()

  constructor(deliver: Deliver) {
    this.#deliver = deliver
    this.server = createServer((request, response) => this.#onRequest(request, response))
  }

  /** Listens on a free port and prints it, for whoever has started this process. */
  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    console.log(`Listening on port ${(this.server.address() as AddressInfo).port}`)
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = parse(await readBody(request), request.headers['content-type'])
      const [message, data] = this.#call(request.url, body)
      sendJson(response, 200, { status: 'success', message, data })
    } catch (error) {
      if (error instanceof BadRequest) {
        sendJson(response, 400, { status: 'error', message: error.message })
      } else {
        console.error(error)
        response.destroy()
      }
    }
  }

  #call(url: string | undefined, parameters: Parameters): [message: string, data: object] {
    switch (url) {
      case '/send_chat_message.php':
        return ['Message sent successfully', this.#sendMessage(parameters)]
      case '/chat_websocket_broadcast.php':
        return ['Event broadcast', this.#broadcast(parameters)]
      default:
        throw new BadRequest('There is nothing here')
    }
  }

  #sendMessage(parameters: Parameters): Message {
    const message: Message = {
      message_id: this.#messages.length + 1,
      sender_id: readId(parameters, 'sender_id'),
      receiver_id: readId(parameters, 'receiver_id'),
      message_type: 'text',
      message: readText(parameters),
      created_at: clock.stored(),
    }
    this.#keep(message)
    const sender = profileOf(message.sender_id)
    this.#deliver('chat:message', message.receiver_id, { ...message, sender })
    return message
  }

  #keep(message: Message): void {
    this.#messages.push(message)
    const { sender_id, receiver_id } = message
    const key = `${Math.min(sender_id, receiver_id)}:${Math.max(sender_id, receiver_id)}`
    const conversation = this.#conversations.get(key)
    if (conversation === undefined) this.#conversations.set(key, [message])
    else conversation.push(message)
  }

  #broadcast(parameters: Parameters): object {
    const { event, user_id: userId } = parameters
    if (typeof event !== 'string' || event === '') throw new BadRequest('event is required')
    const receiverId = userId === undefined ? null : readId(parameters, 'user_id')
    this.#deliver(event, receiverId, readObject(parameters, 'data'))
    return { event, user_id: receiverId }
  }
}

/** The `data` of chat:connected. */
export function greeting(userId: number, connectedUsers: number): object {
  return {
    user_id: userId,
    message: 'Successfully connected to chat server',
    timestamp: clock.stored(),
    connected_users: connectedUsers,
  }
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => resolve(Buffer.concat(chunks).toString()))
    request.on('error', reject)
  })
}

function parse(body: string, contentType = ''): Parameters {
  if (!contentType.startsWith('application/json')) {
    return Object.fromEntries(new URLSearchParams(body))
  }
  try {
    const parameters = JSON.parse(body)
    if (typeof parameters === 'object' && parameters !== null) return parameters
  } catch {}
  throw new BadRequest('The body is not a JSON object')
}

function readId(parameters: Parameters, name: string): number {
  const id = integerFrom(parameters[name])
  if (id === undefined || id === 0) throw new BadRequest(`${name} must be a positive integer`)
  return id
}

function readText({ message }: Parameters): string {
  if (typeof message !== 'string' || message.trim() === '') {
    throw new BadRequest('At least one of message, image, or voice must be provided')
  }
  if (message.length <= MESSAGE_LENGTH_MAX) return message
  throw new BadRequest(`message must be at most ${MESSAGE_LENGTH_MAX} characters long`)
}

/** A JSON object, or the text of one in a urlencoded body. */
function readObject(parameters: Parameters, name: string): object {
  const value = parameters[name]
  if (typeof value === 'string') return parse(value, 'application/json')
  if (typeof value === 'object' && value !== null) return value
  throw new BadRequest(`${name} must be a JSON object`)
}

function profileOf(userId: number): object {
  return { user_id: userId, username: '', name: `User ${userId}`, profile_url: '' }
}

function sendJson(response: ServerResponse, status: number, answer: object): void {
  const body = JSON.stringify(answer)
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
  })
  response.end(body)
}
