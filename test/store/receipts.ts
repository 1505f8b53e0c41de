import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { byUser, dataOf, idsOf, type Promises, range, readAll, send } from './opened-store.ts'

/** Far beyond what an empty store has given out. */
const UNKNOWN_ID = 1_000_000

export const receipts: Promises = {
  'a mark reads everything up to it that the reader was sent, and both are told': async (open) => {
    const { api, daemon } = await open({ now: () => new Date('2026-01-23T20:30:45Z') })
    const sent = await Promise.all(range(3).map(() => send(api, 1, 2)))
    const own = await send(api, 2, 1)
    const { conversationId } = own
    const tail = daemon.events.tail()
    await readAll(tail)

    const messageId = sent[1]?.messageId ?? 0
    const receipt = await api.messages.markRead(2, { messageId })

    const readAt = '2026-01-23 20:30:45'
    expect(receipt).toMatchObject({ conversationId, readCount: 2, messageId, readAt })
    expect(await readTimes(api, conversationId)).toEqual([readAt, readAt, null, null])
    const events = byUser(await readAll(tail))
    expect(events.map(({ event, userId }) => [event, userId])).toEqual([
      ['chat:read', 1],
      ['chat:read', 2],
    ])
    const data = { message_id: messageId, read_by: 2, conversation_id: conversationId }
    for (const event of events) expect(dataOf(event)).toMatchObject(data)
  },

  'a conversation is marked by its id, by the other user or by a message': async (open) => {
    const { api } = await open()
    const { conversationId } = await send(api, 1, 2)
    expect(await api.messages.markRead(2, { conversationId })).toMatchObject({ readCount: 1 })
    await send(api, 1, 2)
    expect(await api.messages.markRead(2, { otherUserId: 1 })).toMatchObject({ readCount: 1 })
    const { messageId } = await send(api, 1, 2)
    expect(await api.messages.markRead(2, { messageId })).toMatchObject({ readCount: 1, messageId })
  },

  'marks go forwards only, and a mark that changes nothing tells nobody': async (open) => {
    const { api, daemon } = await open()
    const [first = 0, second = 0] = idsOf([await send(api, 1, 2), await send(api, 1, 2)])
    await api.messages.markRead(2, { messageId: second })
    const tail = daemon.events.tail()
    await readAll(tail)

    for (const mark of [{ messageId: first }, { messageId: second }, { otherUserId: 1 }]) {
      expect(await api.messages.markRead(2, mark)).toMatchObject({ readCount: 0, readAt: null })
    }
    // Of their own messages there is nothing to read.
    expect(await api.messages.markRead(1, { messageId: second })).toMatchObject({ readCount: 0 })
    expect(await readAll(tail)).toEqual([])
  },

  'readers mark at the same time, and each message counts once': async (open) => {
    const { api, daemon } = await open()
    const ids = idsOf(await Promise.all(range(9).map(() => send(api, 1, 2))))
    const marks = await Promise.all([
      api.messages.markRead(2, { messageId: ids[3] ?? 0 }),
      daemon.messages.markRead(2, { otherUserId: 1 }),
      api.messages.markRead(2, { messageId: ids[6] ?? 0 }),
      daemon.messages.markRead(2, { messageId: ids[8] ?? 0 }),
    ])
    expect(marks.reduce((sum, { readCount }) => sum + readCount, 0)).toBe(9)
    expect(await api.conversations.list(2, { limit: 1, offset: 0 })).toMatchObject([
      { unreadCount: 0 },
    ])
  },

  'while one of the two has blocked the other, only the reader is told': async (open) => {
    const { api, daemon } = await open()
    await send(api, 1, 2)
    await api.blocks.block(1, 2, false)
    const tail = daemon.events.tail()
    await readAll(tail)
    expect(await api.messages.markRead(2, { otherUserId: 1 })).toMatchObject({ readCount: 1 })
    expect(await readAll(tail)).toMatchObject([{ event: 'chat:read', userId: 2 }])
  },

  'what does not exist and what is of other people is refused in the same words': async (open) => {
    const { api } = await open()
    const { conversationId, messageId } = await send(api, 1, 2)
    const refused = { code: 'not_found', message: 'You have no such conversation or message' }
    for (const mark of [{ conversationId }, { messageId }, { conversationId: UNKNOWN_ID }]) {
      await expect(api.messages.markRead(3, mark)).rejects.toMatchObject(refused)
    }
    await expect(api.messages.markRead(2, { messageId: UNKNOWN_ID })).rejects.toMatchObject(refused)
    const receipt = await api.messages.markRead(3, { otherUserId: 1 })
    expect(receipt).toMatchObject({ conversationId: null, readCount: 0 })
  },
}

/** When each message was read, as its receiver sees it, oldest first. */
async function readTimes(chat: Chat, conversationId: number): Promise<(string | null)[]> {
  const { messages } = await chat.messages.history(conversationId, { limit: 100, offset: 0 }, 2)
  return messages.map(({ readAt }) => readAt)
}
