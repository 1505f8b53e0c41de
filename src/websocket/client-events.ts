import type { Chat } from '../chat/chat.ts'
import { ChatError } from '../errors.ts'
import { integerFrom } from '../integers.ts'
import { limits } from '../limits.ts'
import type { Log } from '../log.ts'
import { RateLimit } from '../rate-limits.ts'
import type { Connection } from './connection.ts'
import { type ClientFrame, errorFrame, eventFrame, PONG_FRAME, parseClientFrame } from './frame.ts'
import type { Hub } from './hub.ts'

/** How often users may do what their sockets ask for, all sockets of a user together. */
export class ClientEventLimits {
  readonly typing = new RateLimit(limits.typing)
  readonly typingToOne = new RateLimit(limits.typingToOne)
  readonly receipts: RateLimit

  /** @param requestRateLimit receipts in a minute; 0 = off */
  constructor(requestRateLimit: number) {
    this.receipts = new RateLimit(limits.requests, requestRateLimit)
  }
}

/** What an event of a client may work with. */
interface Context {
  chat: Chat
  hub: Hub
  limits: ClientEventLimits
}

type ClientEvent = (
  connection: Connection,
  data: ClientFrame['data'],
  context: Context,
) => void | Promise<void>

/** Everything that a client may say over its socket. */
const CLIENT_EVENTS = new Map<string, ClientEvent>([
  ['ping', (connection) => connection.send(PONG_FRAME)],
  ['chat:typing', typing],
  ['chat:read', read],
])

/** Does what a client asks for in a frame; what cannot be done is answered with an error frame. */
export async function handleClientFrame(
  connection: Connection,
  text: string,
  context: Context & { log: Log },
): Promise<void> {
  try {
    const frame = parseClientFrame(text)
    if (frame === undefined) {
      throw new ChatError('invalid', 'Send a JSON object with "event" and, if it has any, "data"')
    }
    const clientEvent = CLIENT_EVENTS.get(frame.event)
    if (clientEvent === undefined) {
      throw new ChatError('invalid', `No client event is called "${frame.event.slice(0, 64)}"`)
    }
    await clientEvent(connection, frame.data, context)
  } catch (error) {
    if (!(error instanceof ChatError)) context.log.error('A client event failed', error)
    connection.send(errorFrame(error instanceof ChatError ? error.message : 'Internal error'))
  }
}

/**
 * chat:typing {receiver_id, is_typing}: told to the receiver's sockets and forgotten. It says that
 * the socket's own user types, whatever else `data` claims; between people of whom one has blocked
 * the other it is lost, without a word to either.
 */
async function typing(
  connection: Connection,
  data: ClientFrame['data'],
  { chat, hub, limits: { typing: limit, typingToOne } }: Context,
): Promise<void> {
  const senderId = connection.userId
  await limit.count(senderId)
  const receiverId = readId(data, 'receiver_id')
  const isTyping = readBoolean(data, 'is_typing')
  await typingToOne.count(`${senderId} ${receiverId}`)
  if (hub.of(receiverId).size === 0) return
  const { isBlocked, isBlockedByOther } = await chat.blocks.find(senderId, receiverId)
  if (isBlocked || isBlockedByOther) return
  const frame = eventFrame('chat:typing', JSON.stringify(chat.wire.typing(senderId, isTyping)))
  for (const receiver of hub.of(receiverId)) receiver.send(frame)
}

/** chat:read {message_id}: everything up to it is read. Emits chat:read, but not to this socket. */
async function read(
  connection: Connection,
  data: ClientFrame['data'],
  { chat, limits: { receipts } }: Context,
): Promise<void> {
  await receipts.count(connection.userId)
  const mark = { messageId: readId(data, 'message_id') }
  const { readerEventId } = await chat.messages.markRead(connection.userId, mark)
  if (readerEventId !== null) connection.skip(readerEventId)
}

function readId(data: ClientFrame['data'], name: string): number {
  const id = integerFrom(data[name])
  if (id !== undefined && id > 0) return id
  throw new ChatError('invalid', `data.${name} must be a positive integer`)
}

/** Clients without a boolean of their own say 1 and 0. */
function readBoolean(data: ClientFrame['data'], name: string): boolean {
  const value = data[name]
  if ([true, 1, '1', 'true'].some((yes) => yes === value)) return true
  if ([false, 0, '0', 'false'].some((no) => no === value)) return false
  throw new ChatError('invalid', `data.${name} must be true or false`)
}
