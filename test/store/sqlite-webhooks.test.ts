import { expect, test } from 'vitest'
import { WebhookIndex } from '../../src/sqlite/webhook-index.ts'
import { openChat } from '../support/open-chat.ts'
import { idsOf, send } from './opened-store.ts'

const PUSHED = { webhookUrl: 'https://shop.example/push' }

test('the index goes round over all receivers, whoever comes and goes meanwhile', () => {
  const index = new WebhookIndex()
  for (const [messageId, userId] of [1, 2, 3].entries()) index.add({ messageId, userId })
  expect(index.heads(2)).toEqual([
    { messageId: 0, userId: 1 },
    { messageId: 1, userId: 2 },
  ])
  index.delete({ messageId: 2, userId: 3 })
  index.add({ messageId: 3, userId: 4 })
  index.add({ messageId: 4, userId: 1 })
  expect(index.heads(2)).toEqual([{ messageId: 3, userId: 4 }])
  expect(index.heads(9).map(({ userId }) => userId)).toEqual([1, 2, 4])
})

test('the index knows its room, and each message once', () => {
  const index = new WebhookIndex()
  const { room } = index
  for (const messageId of [1, 2, 3]) index.add({ messageId, userId: 7 })
  expect([index.room, index.lastId]).toEqual([room - 3, 3])
  index.delete({ messageId: 2, userId: 7 })
  for (const _ of [1, 2]) index.delete({ messageId: 1, userId: 7 })
  expect(index.first(7, 9)).toEqual([3])
  index.delete({ messageId: 3, userId: 8 })
  expect(index.room).toBe(room - 1)
})

test('rows that were there before, and that another program deletes, are known', async () => {
  const { chat, beside } = await openChat(PUSHED)
  const sent = [await send(chat, 1, 2), await send(chat, 1, 2), await send(chat, 1, 3)]
  expect(await chat.webhooks.receivers(9, [])).toHaveLength(2)
  beside.exec(`DELETE FROM webhooks WHERE message_id IN (${idsOf(sent.slice(0, 1))})`)
  const receivers = async () => (await chat.webhooks.receivers(9, [])).map(({ userId }) => userId)
  expect(await receivers()).toEqual([3])
  expect(await receivers()).toEqual([2, 3])
  expect(idsOf((await chat.webhooks.waiting(2, 9)).map(({ message }) => message))).toEqual(
    idsOf(sent.slice(1, 2)),
  )
})

test('a row whose message is gone is given up like an old one', async () => {
  const { chat, beside } = await openChat(PUSHED)
  beside.exec(
    "INSERT INTO webhooks (message_id, user_id, due_at) VALUES (7, 2, '2026-01-01 00:00:00')",
  )
  expect(await chat.webhooks.receivers(9, [])).toHaveLength(1)
  expect(await chat.webhooks.waiting(2, 9)).toEqual([])
  expect(await chat.webhooks.deleteOld('2026-01-01 00:00:00')).toBe(1)
  expect(await chat.webhooks.receivers(9, [])).toEqual([])
})
