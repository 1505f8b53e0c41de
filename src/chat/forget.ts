import { setTimeout as delay } from 'node:timers/promises'
import { ChatError } from '../errors.ts'
import type { Chat } from './chat.ts'
import type { Content, Message } from './model.ts'
import { DISCONNECT_EVENT, isForgotten } from './rules.ts'

/** Messages in one transaction: it takes as long as that of a send. */
export const BATCH_MESSAGES_MAX = 100
/** The pause before each: so few sends meet one that their p99 stays where it is. */
const PAUSE_MS = 250

export interface ForgetParts {
  chat: Chat
  /** Removes the file at this path below the uploads folder. Idempotent. */
  removeFile: (path: string) => Promise<void>
}

/** What was forgotten. */
export interface Forgotten {
  messages: number
  files: number
}

/**
 * Forgets a user: what they sent, with its files, and their profile. May be cut off anywhere, and
 * goes on when it is called again. Their open sockets are closed first, so that no client that is
 * told to stop sends its profile once more.
 *
 * @throws ChatError `not_found` for a user who has no row
 */
export async function forgetUser(parts: ForgetParts, userId: number): Promise<Forgotten> {
  const { chat } = parts
  if ((await chat.users.find(userId)) === undefined) {
    throw new ChatError(
      'not_found',
      `User ${userId} has never connected, written or been written to`,
    )
  }
  await chat.events.broadcast(DISCONNECT_EVENT, userId, {})
  const forgotten = { messages: 0, files: 0 }
  for await (const batch of batchesOf(sentBy(chat, userId))) {
    const { messages, files } = await forgetMessages(parts, batch)
    forgotten.messages += messages
    forgotten.files += files
  }
  await chat.forgetting.profile(userId)
  await chat.forgetting.events()
  return forgotten
}

/**
 * Pauses, then forgets those of these messages that are not forgotten. The files go first: as long as a
 * message names its file, whoever tries again finds it, and no file is left that no message names.
 */
export async function forgetMessages(
  { chat, removeFile }: ForgetParts,
  messages: Content[],
): Promise<Forgotten> {
  const left = messages.filter((message) => !isForgotten(message))
  await delay(left.length === 0 ? 0 : PAUSE_MS)
  if (left.length === 0) return { messages: 0, files: 0 }
  const paths = left.flatMap(({ mediaPath }) => mediaPath ?? [])
  for (const path of paths) await removeFile(path)
  const count = await chat.forgetting.messages(left.map(({ messageId }) => messageId))
  return { messages: count, files: paths.length }
}

async function* sentBy(chat: Chat, userId: number): AsyncGenerator<Message> {
  // In one answer: from one page to the next, those with a new message would move.
  const all = { limit: Number.MAX_SAFE_INTEGER, offset: 0 }
  for (const { conversationId } of await chat.conversations.list(userId, all)) {
    for await (const message of messagesOf(chat, conversationId)) {
      if (message.sender.userId === userId && !isForgotten(message)) yield message
    }
  }
}

/** A conversation, page by page from the newest. */
async function* messagesOf(chat: Chat, conversationId: number): AsyncGenerator<Message> {
  let beforeMessageId: number | undefined
  for (;;) {
    const page = { limit: BATCH_MESSAGES_MAX, offset: 0, beforeMessageId }
    const { messages, hasMore } = await chat.messages.history(conversationId, page)
    yield* messages
    if (!hasMore) return
    beforeMessageId = messages[0]?.messageId
  }
}

async function* batchesOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < BATCH_MESSAGES_MAX) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
