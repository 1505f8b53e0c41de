import type { Chat } from '../chat/chat.ts'
import type { PendingEvent } from '../chat/model.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'
import { eventFrame } from './frame.ts'

/** Messages read at once, so that a long absence does not keep the other sockets waiting. */
const PAGE_MESSAGES_MAX = 100

interface RecoveryContext extends Pick<Config, 'replayedMessagesMax'> {
  chat: Pick<Chat, 'messages' | 'wire'>
  log: Log
  /** Users online, as chat:connected says. */
  userCount: number
  /** Events that reached no socket of this user since the daemon started. */
  undelivered: PendingEvent[]
}

/**
 * Sends chat:connected and what a client missed: every message after the last one that it has, in
 * order. Live events are held by the connection meanwhile, so there is no gap; those whose message was
 * replayed are dropped by its id, so there is no duplicate.
 *
 * @param lastMessageId the last message that the client has, if it says so
 * @returns the newest message that the client has now: for `goLive`
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

/** Undefined when the client did not ask; false when it missed too much to be sent one by one. */
async function canReplay(
  userId: number,
  lastMessageId: number | undefined,
  { chat: { messages }, log, replayedMessagesMax }: RecoveryContext,
): Promise<boolean | undefined> {
  if (lastMessageId === undefined) return undefined
  try {
    // An id that was never given out comes from another database: what is after it is unknown.
    if (lastMessageId > (await messages.lastId())) return false
    const count = await messages.countSince(userId, lastMessageId, replayedMessagesMax + 1)
    return count <= replayedMessagesMax
  } catch (error) {
    log.error(`What user ${userId} missed could not be read`, error)
    return false
  }
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
