import type Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { insertUsers, openChat } from '../support/open-chat.ts'
import { shortestMs } from '../support/shortest.ts'

/** Of user 3's messages: each other one to user 2, in as many conversations as are asked for. */
function insertMessages(beside: Sqlite.Database, own: { count: number; conversations: number }) {
  const { count, conversations } = own
  insertUsers(beside, conversations + 4)
  beside.exec(`
    INSERT INTO conversations (conversation_id, lower_user_id, higher_user_id)
    SELECT user_id - 3, iif(user_id = 4, 2, 3), iif(user_id = 4, 3, user_id)
    FROM users WHERE user_id BETWEEN 4 AND ${conversations + 3};
    WITH RECURSIVE number (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM number WHERE id < ${count - 1})
    INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message)
    SELECT conversation_id, 3, lower_user_id + higher_user_id - 3, 'text', 'Mine'
    FROM number JOIN conversations ON conversation_id = 1 + id % ${conversations};
    UPDATE conversations SET last_message_id = (
      SELECT max(message_id) FROM messages
      WHERE messages.conversation_id = conversations.conversation_id
    );
  `)
}

const idsOf = (messages: { messageId: number }[]) => messages.map((message) => message.messageId)

test('what somebody was sent is found without walking over what they sent themselves', async () => {
  const { chat, beside } = await openChat()
  insertMessages(beside, { count: 200_000, conversations: 1 })
  const { message } = await chat.messages.post({ senderId: 2, receiverId: 3, message: 'Hello' })

  expect(await chat.messages.countSince(3, 0, 501)).toBe(1)
  expect(idsOf((await chat.messages.since(3, 0, 100)).messages)).toEqual([message.messageId])
  expect(await shortestMs(() => chat.messages.countSince(3, 0, 501))).toBeLessThan(2)
  expect(await shortestMs(() => chat.messages.since(3, 0, 100))).toBeLessThan(2)

  const startedAt = performance.now()
  const receipt = await chat.messages.markRead(3, { otherUserId: 2 })
  expect(receipt).toMatchObject({ readCount: 1, messageId: message.messageId })
  expect(performance.now() - startedAt).toBeLessThan(25)
})

test('to mark messages one by one does not walk over all that are unread', async () => {
  const { chat, beside } = await openChat()
  insertMessages(beside, { count: 200_000, conversations: 1 })
  beside.exec('UPDATE conversations SET lower_unread_count = 200000')
  let messageId = 0

  const markNext = async () => {
    messageId += 1
    expect(await chat.messages.markRead(2, { messageId })).toMatchObject({
      readCount: 1,
      messageId,
    })
  }

  expect(await shortestMs(markNext)).toBeLessThan(10)
})

test.for([false, true])('pages come in order over all conversations (own too: %s)', async (own) => {
  const { chat } = await openChat({ echoesToSender: own })
  const expected: number[] = []
  for (let index = 0; index < 260; index += 1) {
    // User 5 writes to, and hears from, users below and above; every third is none of theirs.
    const otherId = [1, 9, 4, 6][index % 4] as number
    const [senderId, receiverId] = index % 3 === 0 ? [5, otherId] : [otherId, 5]
    const posted = await chat.messages.post({ senderId, receiverId, message: 'Hello' })
    await chat.messages.post({ senderId: 1, receiverId: 9, message: 'Not theirs' })
    if (own || receiverId === 5) expected.push(posted.message.messageId)
  }
  const [first, ...rest] = expected as [number, ...number[]]

  const pages: number[][] = []
  for (let hasMore = true; hasMore; ) {
    const page = await chat.messages.since(5, pages.at(-1)?.at(-1) ?? first, 100)
    pages.push(idsOf(page.messages))
    hasMore = page.hasMore
  }

  expect(pages.flat()).toEqual(rest)
  expect(pages[0]).toHaveLength(100)
  expect(await chat.messages.countSince(5, first, 1_000)).toBe(rest.length)
  expect(await chat.messages.countSince(5, first, 10)).toBe(10)
})

test('of more changed conversations than are looked through, all counts as missed', async () => {
  const { chat, beside } = await openChat()
  const conversations = limits.resumedConversations.max + 1
  insertMessages(beside, { count: conversations, conversations })

  // One has not changed since its own message, the first.
  expect(await chat.messages.countSince(3, 1, 501)).toBe(0)
  expect(await chat.messages.countSince(3, 0, 501)).toBe(501)
  // Where more messages may be told, as many conversations are looked through.
  expect(await chat.messages.countSince(3, 0, conversations)).toBe(0)
})
