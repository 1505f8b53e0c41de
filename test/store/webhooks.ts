import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import type { WaitingWebhook } from '../../src/chat/webhooks.ts'
import { idsOf, type Promises, range, register, send, TestTime } from './opened-store.ts'

const PUSHED = { webhookUrl: 'https://shop.example/push', webhookDelayMs: 2_000 }
/** More receivers than there are. */
const ALL = 10

/** Those that there are now. */
async function waiting(
  { webhooks }: Chat,
  userId: number,
  limit: number,
): Promise<WaitingWebhook[]> {
  await webhooks.receivers(ALL, [])
  return webhooks.waiting(userId, limit)
}

export const webhooks: Promises = {
  'a message waits from the transaction of its send on, and a retry of it does not wait twice':
    async (open) => {
      const time = new TestTime()
      const { api } = await open({ ...PUSHED, now: time.now })
      time.ms += 1
      const tries = range(3).map(() => send(api, 1, 2, { clientMessageId: 'a' }))
      const [message] = await Promise.all(tries)
      const other = await send(api, 3, 2)

      const dueAt = '2026-01-23 20:30:48'
      expect(await waiting(api, 2, 10)).toEqual([
        { message, dueAt, attempts: 0 },
        { message: other, dueAt, attempts: 0 },
      ])
      expect(await waiting(api, 1, 10)).toEqual([])
      expect(await api.webhooks.receivers(ALL, [])).toEqual([{ userId: 2, dueAt, isOnline: false }])
    },

  'nothing waits where no webhook is set, nor for a send that is refused': async (open) => {
    const { api } = await open({ ...PUSHED, webhookUrl: '' })
    await send(api, 1, 2)
    expect(await api.webhooks.backlog()).toEqual({ count: 0, oldestSeconds: 0 })
    const pushed = (await open(PUSHED)).api
    await send(pushed, 1, 2)
    await pushed.blocks.block(2, 1, true)
    await expect(send(pushed, 1, 2)).rejects.toMatchObject({ code: 'forbidden' })
    expect(await pushed.webhooks.backlog()).toMatchObject({ count: 1 })
  },

  'receivers come page by page and round by round, each once however much waits for them': async (
    open,
  ) => {
    const { api } = await open(PUSHED)
    for (const userId of [7, 5, 5, 5, 9, 7]) await send(api, 1, userId)
    const page = async (limit: number) =>
      (await api.webhooks.receivers(limit, [])).map(({ userId }) => userId)
    for (const _ of ['one round', 'another']) {
      const [first, second] = [await page(2), await page(2)]
      expect([first.length, second.length]).toEqual([2, 1])
      expect([...first, ...second].sort()).toEqual([5, 7, 9])
    }
    expect((await page(4)).sort()).toEqual([5, 7, 9])
  },

  'a receiver is online while one of the daemons that are named has a socket of theirs': async (
    open,
  ) => {
    const { api, daemon } = await open(PUSHED)
    const connect = await register(daemon)
    const { connectionId } = await connect(2)
    const [{ daemonId } = { daemonId: 0 }] = await api.daemons.list('here')
    for (const userId of [2, 3]) await send(api, 1, userId)
    const online = async (daemonIds: number[]) =>
      (await api.webhooks.receivers(ALL, daemonIds))
        .filter(({ isOnline }) => isOnline)
        .map(({ userId }) => userId)
    expect(await online([daemonId])).toEqual([2])
    expect(await online([daemonId + 1])).toEqual([])
    expect(await online([])).toEqual([])
    await daemon.connections.disconnect({ connectionId, userId: 2, seenAt: new Date() })
    expect(await online([daemonId])).toEqual([])
  },

  'messages wait in order, as many as are asked for, as their receiver sees them': async (open) => {
    const { api } = await open(PUSHED)
    const sent = [await send(api, 1, 2), await send(api, 3, 2), await send(api, 1, 2)]
    await api.messages.markRead(2, { otherUserId: 3 })
    const found = await waiting(api, 2, 2)
    expect(found.map(({ message }) => message.messageId)).toEqual(idsOf(sent).slice(0, 2))
    expect(found.map(({ message }) => message.readAt !== null)).toEqual([false, true])
  },

  'a message that is postponed counts its attempts, and holds its receiver only': async (open) => {
    const time = new TestTime()
    const { api } = await open({ ...PUSHED, now: time.now })
    const first = await send(api, 1, 2)
    for (const userId of [2, 3]) await send(api, 1, userId)
    const dueAt = '2026-01-23 21:00:00'
    for (const _ of [1, 2]) await api.webhooks.postpone(first.messageId, dueAt)
    expect(await api.webhooks.receivers(ALL, [])).toMatchObject([
      { userId: 2, dueAt },
      { userId: 3, dueAt: '2026-01-23 20:30:47' },
    ])
    const found = await waiting(api, 2, 10)
    expect(found.map(({ attempts }) => attempts)).toEqual([2, 0])
  },

  'a message that is deleted waits no longer, and its receiver has the next one': async (open) => {
    const { api } = await open(PUSHED)
    const [first, second] = [await send(api, 1, 2), await send(api, 1, 2)]
    for (const _ of [1, 2]) await api.webhooks.delete(first)
    expect(await waiting(api, 2, 10)).toMatchObject([{ message: second }])
    await api.webhooks.delete(second)
    expect(await api.webhooks.receivers(ALL, [])).toEqual([])
  },

  'what was due by a time is deleted of the receivers that are named, and nothing that came later':
    async (open) => {
      const time = new TestTime()
      const { api } = await open({ ...PUSHED, now: time.now })
      for (const userId of [2, 2, 3, 4]) await send(api, 1, userId)
      time.ms += 1_000
      const later = await send(api, 1, 2)
      await api.webhooks.receivers(ALL, [])
      expect(await api.webhooks.deleteDue([2, 4, 5], '2026-01-23 20:30:47')).toBe(3)
      expect(await waiting(api, 2, 10)).toMatchObject([{ message: later }])
      expect(await api.webhooks.backlog()).toMatchObject({ count: 2 })
    },

  'messages that were sent before a time are deleted, however often they were postponed': async (
    open,
  ) => {
    const time = new TestTime()
    const { api } = await open({ ...PUSHED, now: time.now })
    const old = [await send(api, 1, 2), await send(api, 1, 3)]
    await api.webhooks.postpone(old[0]?.messageId ?? 0, '2026-02-01 00:00:00')
    time.ms += 10_000
    await send(api, 1, 2)
    expect(await api.webhooks.backlog()).toEqual({ count: 3, oldestSeconds: 10 })
    expect(await api.webhooks.deleteOld('2026-01-23 20:30:45')).toBe(0)
    expect(await api.webhooks.deleteOld('2026-01-23 20:30:46')).toBe(2)
    expect(await api.webhooks.deleteOld('2026-01-23 20:30:46')).toBe(0)
    expect(await api.webhooks.backlog()).toEqual({ count: 1, oldestSeconds: 0 })
  },
}
