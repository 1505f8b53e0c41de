import type { Chat } from '../chat/chat.ts'
import type { PendingEvent } from '../chat/model.ts'
import type { Config } from '../config/config.ts'
import type { Connection } from './connection.ts'
import { eventFrame } from './frame.ts'

/** Messages in one read, so that a long replay does not block the other sockets. */
const PAGE_MESSAGES_MAX = 100

interface RecoveryContext extends Pick<Config, 'replayedMessagesMax'> {
  chat: Pick<Chat, 'messages' | 'wire'>
  /** Users online, for chat:connected. */
  userCount: number
  /** The user's events of Undelivered. */
  undelivered: PendingEvent[]
}

/**
 * Recovery: sends chat:connected, replays every message after lastMessageId in order, then sends
 * the undelivered events. The connection holds live events meanwhile, so there is no gap; it drops
 * those whose message was replayed, by message_id, so there is no duplicate.
 *
 * @param lastMessageId the last message that the client has; undefined when it asks for no replay
 * @returns the newest message that the client has now: for `goLive`. Rejects when what it missed
 *   cannot be read: the client has to come back for it
 */
export async function recover(
  connection: Connection,
  lastMessageId: number | undefined,
  context: RecoveryContext,
): Promise<number> {
  const isRecovered = await canReplay(connection.userId, lastMessageId, context)
  const { wire } = context.chat
  const connected = wire.connected(connection.userId, context.userCount, isRecovered)
  connection.sendConnected(eventFrame('chat:connected', JSON.stringify(connected)))
  const isReplayed = isRecovered === true && lastMessageId !== undefined
  const replayedThrough = isReplayed ? await replay(connection, lastMessageId, context.chat) : 0
  for (const { event, data } of context.undelivered) {
    const isInReplay = event === 'chat:message' && lastMessageId !== undefined
    if (!isInReplay) await connection.writePaced(eventFrame(event, data))
  }
  return replayedThrough
}

/** Undefined when the client did not ask; false when the replay would be too long. */
async function canReplay(
  userId: number,
  lastMessageId: number | undefined,
  { chat: { messages }, replayedMessagesMax }: RecoveryContext,
): Promise<boolean | undefined> {
  if (lastMessageId === undefined) return undefined
  // An id that this database never assigned comes from another one: what follows it is unknown.
  if (lastMessageId > (await messages.lastId())) return false
  const count = await messages.countSince(userId, lastMessageId, replayedMessagesMax + 1)
  return count <= replayedMessagesMax
}

/** Sends all messages after `lastMessageId`; resolves with the id of the last one. */
async function replay(
  connection: Connection,
  lastMessageId: number,
  { messages, wire }: RecoveryContext['chat'],
): Promise<number> {
  let replayedThrough = lastMessageId
  for (;;) {
    const page = await messages.since(connection.userId, replayedThrough, PAGE_MESSAGES_MAX)
    for (const message of page.messages) {
      await connection.writePaced(eventFrame('chat:message', JSON.stringify(wire.message(message))))
      replayedThrough = message.messageId
    }
    if (!page.hasMore || !connection.isOpen) return replayedThrough
  }
}
