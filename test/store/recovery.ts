import { expect } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { idsOf, type OpenStore, type Promises, range, send, TestTime } from './opened-store.ts'

export const recovery: Promises = {
  'what came for a user is replayed in order over all conversations, page by page': (open) =>
    checkPages(open, false),

  'so is what the user sent, where senders are sent their own messages too': (open) =>
    checkPages(open, true),

  'a message of which no more is asked than there is has none after it': async (open) => {
    const { api, daemon } = await open()
    const ids = idsOf([await send(api, 1, 2), await send(api, 3, 2)])
    const page = async (limit: number) => {
      const { messages, hasMore } = await daemon.messages.since(2, 0, limit)
      return [idsOf(messages), hasMore]
    }
    expect(await page(1)).toEqual([ids.slice(0, 1), true])
    expect(await page(2)).toEqual([ids, false])
    expect(await page(3)).toEqual([ids, false])
  },

  'of more changed conversations than are looked through, all counts as missed': async (open) => {
    const { api, daemon } = await open()
    const conversations = limits.resumedConversations.max + 1
    const [first] = await Promise.all(range(conversations).map((n) => send(api, 1, n + 1)))
    const count = (messageId: number, limit: number) =>
      daemon.messages.countSince(1, messageId, limit)
    // One has not changed since its own message, the first.
    expect(await count(first?.messageId ?? 0, 501)).toBe(0)
    expect(await count(0, 501)).toBe(501)
    // Where more messages may be replayed, as many conversations are looked through.
    expect(await count(0, conversations)).toBe(0)
  },

  'neither a retried send nor a replay of own messages shows that a blocker has read': async (
    open,
  ) => {
    const time = new TestTime()
    const { api } = await open({ echoesToSender: true, now: time.now })
    const first = await send(api, 1, 2, { clientMessageId: 'read before' })
    const second = await send(api, 1, 2, { clientMessageId: 'read since' })
    await api.messages.markRead(2, { messageId: first.messageId })
    time.ms += 1_000
    await api.blocks.block(2, 1, false)
    await api.messages.markRead(2, { messageId: second.messageId })

    const retried = async () => [
      (await send(api, 1, 2, { clientMessageId: 'read before' })).readAt,
      (await send(api, 1, 2, { clientMessageId: 'read since' })).readAt,
    ]
    const replayed = async (userId: number) =>
      (await api.messages.since(userId, 0, 10)).messages.map(({ readAt }) => readAt)
    const [before, since] = ['2026-01-23 20:30:45', '2026-01-23 20:30:46']
    expect(await retried()).toEqual([before, null])
    expect(await replayed(1)).toEqual([before, null])
    expect(await replayed(2)).toEqual([before, since])

    await api.blocks.unblock(2, 1)
    expect(await retried()).toEqual([before, since])
    expect(await replayed(1)).toEqual([before, since])
  },
}

/** @param own whether the user's own messages are replayed too */
async function checkPages(open: OpenStore, own: boolean): Promise<void> {
  const { api, daemon } = await open({ echoesToSender: own })
  const expected: number[] = []
  for (let index = 0; index < 130; index += 1) {
    // User 5 writes to, and hears from, users below and above; every third is none of theirs.
    const otherId = [1, 9, 4, 6][index % 4] as number
    const [senderId, receiverId] = index % 3 === 0 ? [5, otherId] : [otherId, 5]
    const [message] = await Promise.all([send(api, senderId, receiverId), send(api, 1, 9)])
    if (own || receiverId === 5) expected.push(message.messageId)
  }
  const [first, ...rest] = expected as [number, ...number[]]

  const pages: number[][] = []
  for (let hasMore = true; hasMore; ) {
    const page = await daemon.messages.since(5, pages.at(-1)?.at(-1) ?? first, 40)
    pages.push(idsOf(page.messages))
    hasMore = page.hasMore
  }
  expect(pages.flat()).toEqual(rest)
  expect(pages[0]).toHaveLength(40)
  expect(await daemon.messages.countSince(5, first, 1_000)).toBe(rest.length)
  expect(await daemon.messages.countSince(5, first, 10)).toBe(10)
}
