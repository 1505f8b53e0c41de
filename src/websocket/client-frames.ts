import type { Chat } from '../chat/chat.ts'
import { integerFrom } from '../chat/integers.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'
import { type ClientFrame, errorFrame, PONG_FRAME, parseClientFrame } from './frame.ts'

type Data = ClientFrame['data']

/** Handles the text frames of clients; the limits count all sockets of a user together. */
export class ClientFrames {
  readonly #chat: Pick<Chat, 'events' | 'messages'>
  readonly #log: Log
  readonly #typing = new RateLimit(limits.typing)
  readonly #typingToOne = new RateLimit(limits.typingToOne)
  readonly #receipts: RateLimit

  constructor(
    chat: Pick<Chat, 'events' | 'messages'>,
    log: Log,
    { requestRateLimit }: Pick<Config, 'requestRateLimit'>,
  ) {
    this.#chat = chat
    this.#log = log
    this.#receipts = new RateLimit(limits.requests, requestRateLimit)
  }

  /** Handles a text frame; answers an invalid or rejected one with an error frame. */
  async handle(connection: Connection, text: string): Promise<void> {
    try {
      const frame = parseClientFrame(text)
      if (frame === undefined) {
        throw new ChatError('invalid', 'Send a JSON object with "event" and, if it has any, "data"')
      }
      await this.#dispatch(connection, frame)
    } catch (error) {
      if (!(error instanceof ChatError)) this.#log.error('A client frame failed', error)
      connection.write(errorFrame(error instanceof ChatError ? error.message : 'Internal error'))
    }
  }

  /** The client events. */
  async #dispatch(connection: Connection, { event, data }: ClientFrame): Promise<void> {
    switch (event) {
      case 'ping':
        return connection.write(PONG_FRAME)
      case 'chat:typing':
        return this.#sendTyping(connection.userId, data)
      case 'chat:read':
        return this.#markRead(connection.userId, data)
      default:
        throw new ChatError('invalid', `No client event is called "${event.slice(0, 64)}"`)
    }
  }

  /**
   * chat:typing {receiver_id, is_typing}: the sender is the socket's user, whatever `data` claims.
   */
  async #sendTyping(senderId: number, data: Data): Promise<void> {
    await this.#typing.count(senderId)
    const receiverId = readId(data, 'receiver_id')
    const isTyping = readBoolean(data, 'is_typing')
    await this.#typingToOne.count(`${senderId} ${receiverId}`)
    await this.#chat.events.typing(senderId, receiverId, isTyping)
  }

  /** chat:read {message_id}: marks everything up to it as read. Emits chat:read. */
  async #markRead(readerId: number, data: Data): Promise<void> {
    await this.#receipts.count(readerId)
    await this.#chat.messages.markRead(readerId, { messageId: readId(data, 'message_id') })
  }
}

function readId(data: Data, name: string): number {
  const id = integerFrom(data[name])
  if (id !== undefined && id > 0) return id
  throw new ChatError('invalid', `data.${name} must be a positive integer`)
}

/** Clients in languages without a boolean send 1 and 0. */
function readBoolean(data: Data, name: string): boolean {
  const value = data[name]
  if ([true, 1, '1', 'true'].some((yes) => yes === value)) return true
  if ([false, 0, '0', 'false'].some((no) => no === value)) return false
  throw new ChatError('invalid', `data.${name} must be true or false`)
}
