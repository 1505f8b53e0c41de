import { expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import { insertUsers, openChat } from '../support/open-chat.ts'
import { shortestMs } from '../support/shortest.ts'

const MANY = 100_000
/** What a look at some of those online may take, in ms; to go through MANY takes a hundred. */
const MS_MAX = 10

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

test('the same are found whether fewer are online than blocked, as many or more', async () => {
  const { chat, beside } = await openChat()
  insertUsers(beside, 20)
  for (const otherId of [2, 3, 4]) await chat.blocks.block(1, otherId, true)
  for (const otherId of [4, 5, 6]) await chat.blocks.block(otherId, 1, true)
  const blocked = [2, 3, 4, 5, 6]

  for (const online of [[], [3], [9], [2, 5, 9], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], range(20)]) {
    const hidden = await chat.blocks.hiddenFrom(1, new Set(online))
    expect([...hidden].sort()).toEqual(blocked.filter((userId) => online.includes(userId)))
  }
})

test('a list that is already too long keeps what it has, and takes no more', async () => {
  const { chat, beside } = await openChat()
  const { max } = limits.blockList
  insertUsers(beside, max + 3)
  beside.exec(`
    INSERT INTO user_blocks (user_id, blocked_user_id)
    SELECT 1, user_id FROM users WHERE user_id BETWEEN 2 AND ${max + 2}
  `)

  await chat.blocks.block(1, 2, true)
  await expect(chat.blocks.block(1, max + 3, true)).rejects.toThrow(
    `You have blocked ${max} users: unblock some first`,
  )
})

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
