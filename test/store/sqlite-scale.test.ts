import type Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { insertUsers, openChat } from '../support/open-chat.ts'
import { shortestMs } from '../support/wait.ts'
import { idsOf } from './opened-store.ts'

const MANY = 100_000
/** What a look at some of those online may take, in ms; to go through MANY takes a hundred. */
const MS_MAX = 10

/** Inserts messages of user 3 to user 2. */
function insertMessages(beside: Sqlite.Database, count: number): void {
  insertUsers(beside, 3)
  beside.exec(`
    INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (2, 3);
    WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ${count})
    INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message)
    SELECT 1, 3, 2, 'text', 'Mine' FROM number;
    UPDATE conversations SET last_message_id = ${count};
  `)
}

test('what somebody was sent is found without walking over what they sent themselves', async () => {
  const { chat, beside } = await openChat()
  insertMessages(beside, 200_000)
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
  insertMessages(beside, 200_000)
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

/** User 1 has blocked every user from 10 on, and each of them has blocked user 2. */
async function openChatWithManyBlocks() {
  const { chat, beside } = await openChat()
  insertUsers(beside, MANY)
  beside.exec(`
    INSERT INTO user_blocks (user_id, blocked_user_id) SELECT 1, user_id FROM users WHERE user_id >= 10;
    INSERT INTO user_blocks (user_id, blocked_user_id) SELECT user_id, 2 FROM users WHERE user_id >= 10;
    INSERT INTO conversations (lower_user_id, higher_user_id)
    SELECT 3, user_id FROM users WHERE user_id >= 10;
  `)
  return chat
}

test('neither whom somebody blocked nor who blocked them is gone through when they come', async () => {
  const chat = await openChatWithManyBlocks()
  const online = new Set([1, 2, 3, 4, 10, 500, MANY])

  for (const userId of [1, 2]) {
    expect(await chat.blocks.hiddenFrom(userId, online)).toEqual(new Set([10, 500, MANY]))
    const look = () => chat.blocks.hiddenFrom(userId, online)
    expect(await shortestMs(look)).toBeLessThan(MS_MAX)
  }
  expect(await chat.blocks.hiddenFrom(500, online)).toEqual(new Set([1, 2]))
  expect(await chat.blocks.hiddenFrom(3, online)).toEqual(new Set())
})

test('nor are all with whom somebody has a conversation', async () => {
  const chat = await openChatWithManyBlocks()
  const online = new Set([1, 3, 4, 10, 500, MANY])

  const contacts = await chat.conversations.contactsOf(3, online)
  expect(contacts.sort((a, b) => a - b)).toEqual([10, 500, MANY])
  expect(await chat.conversations.contactsOf(500, online)).toEqual([3])
  expect(await chat.conversations.contactsOf(1, online)).toEqual([])
  expect(await shortestMs(() => chat.conversations.contactsOf(3, online))).toBeLessThan(MS_MAX)
})
