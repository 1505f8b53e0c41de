import type { Chat } from '../chat/chat.ts'
import type { Log } from '../log.ts'
import type { Backlog } from './backlog.ts'
import type { Connection } from './connection.ts'
import { eventFrame } from './frame.ts'

/** Messages read at once, so that a long absence does not keep the other sockets waiting. */
const PAGE_MESSAGES_MAX = 100

export interface CatchUpContext {
  chat: Chat
  log: Log
  backlog: Backlog
  /** Resolves when the client's user is known by the profile that it gave. */
  profileSaved: Promise<void>
  /** Users online, as chat:connected says. */
  userCount: number
  /** Missed messages that are told; more, and the client is to refetch. */
  replayedMessagesMax: number
}

/**
 * Says hello to a connection that has just come into the hub (call it in the same turn), tells it what it missed, and lets it go
 * live. Live events wait in the connection meanwhile, so that there is no gap; those of messages up to
 * the last that was read from the table here are passed over, so that there is no duplicate.
 *
 * @param lastMessageId the last message that the client has, if it says so
 */
export async function catchUp(
  connection: Connection,
  lastMessageId: number | undefined,
  context: CatchUpContext,
): Promise<void> {
  const backlog = context.backlog.for(connection.userId)
  await context.profileSaved
  const isReplayed = await canReplay(connection.userId, lastMessageId, context)
  const hello = context.chat.wire.connected(connection.userId, context.userCount, isReplayed)
  connection.greet(eventFrame('chat:connected', JSON.stringify(hello)))
  const replayedThrough =
    isReplayed && lastMessageId !== undefined ? await replay(connection, lastMessageId, context) : 0
  for (const { event, data, messageId } of backlog) {
    const isTold = messageId !== null && lastMessageId !== undefined
    if (!isTold) await connection.sendPaced(eventFrame(event, data))
  }
  connection.goLive(replayedThrough)
}

/** Undefined when the client did not ask; false when it missed too much to be told one by one. */
async function canReplay(
  userId: number,
  lastMessageId: number | undefined,
  { chat, log, replayedMessagesMax }: CatchUpContext,
): Promise<boolean | undefined> {
  if (lastMessageId === undefined) return undefined
  try {
    // An id that was never given out comes from another database: what it is after, nobody knows.
    if (lastMessageId > (await chat.messages.lastId())) return false
    const count = await chat.messages.countSince(userId, lastMessageId, replayedMessagesMax + 1)
    return count <= replayedMessagesMax
  } catch (error) {
    log.error(`What user ${userId} missed could not be read`, error)
    return false
  }
}

/** Tells all messages after `lastMessageId`; resolves with the last of them, or with it. */
async function replay(
  connection: Connection,
  lastMessageId: number,
  { chat }: CatchUpContext,
): Promise<number> {
  let after = lastMessageId
  for (;;) {
    const page = await chat.messages.since(connection.userId, after, PAGE_MESSAGES_MAX)
    for (const message of page.messages) {
      const data = JSON.stringify(chat.wire.message(message))
      await connection.sendPaced(eventFrame('chat:message', data))
      after = message.messageId
    }
    if (!page.hasMore || !connection.isOpen) return after
  }
}
