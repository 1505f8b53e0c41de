import type Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { RECENT_MESSAGES_MAX } from '../../src/sqlite/messages.ts'
import type { SqliteStore } from '../../src/sqlite/store.ts'
import { openChat } from '../support/open-chat.ts'
import { idsOf, range } from './opened-store.ts'

const ALL = RECENT_MESSAGES_MAX * 2

/** Users 1 and 2 write in turns, user 3 writes every third message, to user 1. */
async function talk(chat: SqliteStore, count: number): Promise<void> {
  const pairs = [
    [1, 2],
    [2, 1],
    [3, 1],
  ] as const
  await Promise.all(
    range(count).map((number) => {
      const [senderId, receiverId] = pairs[number % 3] as readonly [number, number]
      return chat.messages.post({ senderId, receiverId, message: `Number ${number}` })
    }),
  )
}

function recentCount(beside: Sqlite.Database): unknown {
  return beside.prepare('SELECT count(*) FROM messages WHERE is_recent = 1').pluck().get()
}

test('recent messages are filed when there are so many, and no send before', async () => {
  const { chat, beside } = await openChat()
  await talk(chat, RECENT_MESSAGES_MAX - 1)
  expect(recentCount(beside)).toBe(RECENT_MESSAGES_MAX - 1)
  await talk(chat, 1)
  expect(recentCount(beside)).toBe(0)
  await talk(chat, 1)
  expect(recentCount(beside)).toBe(1)
})

test('history, recovery and receipts find filed and recent messages alike', async () => {
  const { chat, beside } = await openChat()
  await talk(chat, RECENT_MESSAGES_MAX + 20)
  const stored = (where: string) =>
    beside
      .prepare(`SELECT message_id FROM messages WHERE ${where} ORDER BY message_id`)
      .pluck()
      .all() as number[]
  const conversationId = (await chat.conversations.between(1, 2)) as number
  const inConversation = stored(`conversation_id = ${conversationId}`)
  const fromTwo = stored('sender_id = 2')

  const page = async (limit: number, offset: number, beforeMessageId?: number) =>
    idsOf(
      (await chat.messages.history(conversationId, { limit, offset, beforeMessageId })).messages,
    )
  expect(await page(ALL, 0)).toEqual(inConversation)
  expect(await page(10, 8)).toEqual(inConversation.slice(-18, -8))
  expect(await page(10, 0, RECENT_MESSAGES_MAX + 3)).toEqual(
    inConversation.filter((id) => id < RECENT_MESSAGES_MAX + 3).slice(-10),
  )

  const after = RECENT_MESSAGES_MAX - 15
  const since = await chat.messages.since(1, after, ALL)
  expect(idsOf(since.messages)).toEqual(stored(`receiver_id = 1 AND message_id > ${after}`))
  expect(await chat.messages.countSince(1, after, ALL)).toBe(since.messages.length)

  const [filed, newest] = [fromTwo.filter((id) => id < after), fromTwo.at(-1)] as const
  const first = await chat.messages.markRead(1, { messageId: filed.at(-1) as number })
  expect(first).toMatchObject({ readCount: filed.length, messageId: filed.at(-1) })
  const second = await chat.messages.markRead(1, { messageId: newest as number })
  expect(second).toMatchObject({ readCount: fromTwo.length - filed.length, messageId: newest })
  expect(await chat.messages.markRead(1, { conversationId })).toMatchObject({ readCount: 0 })
  expect(stored('receiver_id = 1 AND sender_id = 2 AND read_at IS NULL')).toEqual([])
})
