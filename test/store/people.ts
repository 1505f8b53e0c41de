import { expect } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { addUsers, idsOf, type Promises, range, register, send } from './opened-store.ts'

const PAGE = { limit: 10, offset: 0 }

export const people: Promises = {
  'a user is whoever connected, wrote or was written to': async (open) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    await connect(1)
    await send(api, 2, 3)
    const found = await Promise.all([1, 2, 3, 4].map((userId) => api.users.find(userId)))
    expect(found.map((user) => user?.userId)).toEqual([1, 2, 3, undefined])
    expect(found[2]).toEqual({ userId: 3, username: '', name: '', profileUrl: '' })
    expect(await api.users.lastSeenAt(1)).toBeUndefined()
  },

  'conversations come with the newest message first, a page at a time': async (open) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    await connect(2, { profile: { username: 'bob', name: 'Bob' } })
    await send(api, 2, 1)
    await send(api, 3, 1)
    const last = await send(api, 2, 1, { message: 'The last' })

    const [first, second] = await api.conversations.list(1, PAGE)
    expect(first).toEqual({
      conversationId: last.conversationId,
      other: { userId: 2, username: 'bob', name: 'Bob', profileUrl: '', isOnline: true },
      lastMessage: {
        messageId: last.messageId,
        senderId: 2,
        message: 'The last',
        messageType: 'text',
        createdAt: last.createdAt,
      },
      unreadCount: 2,
    })
    expect(second).toMatchObject({ other: { userId: 3, isOnline: false }, unreadCount: 1 })
    expect(await api.conversations.list(1, { limit: 1, offset: 1 })).toEqual([second])
    expect(await api.conversations.list(2, PAGE)).toMatchObject([{ unreadCount: 0 }])
    expect(await api.conversations.list(4, PAGE)).toEqual([])
  },

  'two people have one conversation, whoever of them wrote first': async (open) => {
    const { api } = await open()
    const [first, second] = await Promise.all([send(api, 9, 4), send(api, 4, 9)])
    const { conversationId } = first
    expect(second.conversationId).toBe(conversationId)
    expect(await api.conversations.between(4, 9)).toBe(conversationId)
    expect(await api.conversations.between(4, 8)).toBeUndefined()
    const participants = { lowerUserId: 4, higherUserId: 9 }
    expect(await api.conversations.participants(conversationId)).toEqual(participants)
    expect(await api.conversations.participants(conversationId + 1)).toBeUndefined()
  },

  'a block is of one person by another, and hides both from each other': async (open) => {
    const { api, daemon } = await open()
    await (await register(daemon))(2)
    await send(api, 1, 2)
    await api.blocks.block(1, 2, false)
    await api.blocks.block(1, 2, false)
    const [blocker, blocked] = [await api.blocks.find(1, 2), await api.blocks.find(2, 1)]
    expect(blocker).toEqual({ isBlocked: true, isBlockedByOther: false })
    expect(blocked).toEqual({ isBlocked: false, isBlockedByOther: true })
    const seen = async () => (await api.conversations.list(1, PAGE))[0]?.other.isOnline
    expect(await seen()).toBe(false)

    await api.blocks.unblock(2, 1)
    expect(await seen()).toBe(false)
    await api.blocks.unblock(1, 2)
    expect(await seen()).toBe(true)
  },

  'whom nobody ever heard of can neither block nor be blocked': async (open) => {
    const { api } = await open()
    await send(api, 1, 2)
    for (const [userId, otherId] of [
      [1, 9],
      [9, 1],
    ] as const) {
      await expect(api.blocks.block(userId, otherId, false)).rejects.toMatchObject({
        code: 'not_found',
      })
    }
    await expect(api.blocks.block(1, 1, true)).rejects.toMatchObject({ code: 'invalid' })
    await expect(api.blocks.unblock(1, 1)).rejects.toMatchObject({ code: 'invalid' })
    // Who has proved who they are exists.
    await api.blocks.block(9, 1, true)
    expect(await api.users.find(9)).toBeDefined()
  },

  'a user may block so many others; then one has to be unblocked first': async (open) => {
    const { api, daemon } = await open()
    const { max } = limits.blockList
    const others = range(max + 1).map((n) => n + 1)
    await addUsers(daemon, [1, ...others])
    const blocks = others.map((otherId) => api.blocks.block(1, otherId, false))
    const refused = (await Promise.allSettled(blocks)).filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([
      { reason: { message: `You have blocked ${max} users: unblock some first` } },
    ])
    await api.blocks.block(1, 2, false)
    await api.blocks.unblock(1, 2)
    await api.blocks.block(1, max + 2, false)
  },

  'the same are found whether fewer candidates are asked for, as many or more': async (open) => {
    const { api, daemon } = await open()
    await addUsers(daemon, range(20))
    for (const otherId of [2, 3, 4]) await api.blocks.block(1, otherId, true)
    for (const otherId of [4, 5, 6]) await api.blocks.block(otherId, 1, true)
    await Promise.all([7, 8, 9].map((otherId) => send(api, otherId, 1)))
    const those = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b)

    for (const asked of [[], [3], [9], [2, 5, 9], [1, 2, 3, 4, 5], range(6), range(20)]) {
      const candidates = new Set(asked)
      const hidden = await api.blocks.hiddenFrom(1, candidates)
      expect(those(hidden)).toEqual([2, 3, 4, 5, 6].filter((id) => candidates.has(id)))
      const contacts = await api.conversations.contactsOf(1, candidates)
      expect(those(contacts)).toEqual([7, 8, 9].filter((id) => candidates.has(id)))
    }
  },

  'unread counts are of each side, and fall as they are read': async (open) => {
    const { api } = await open()
    const sent = await Promise.all(range(3).map(() => send(api, 1, 2)))
    await send(api, 2, 1)
    const unread = async (userId: number) =>
      (await api.conversations.list(userId, PAGE)).map(({ unreadCount }) => unreadCount)
    expect([await unread(1), await unread(2)]).toEqual([[1], [3]])
    await api.messages.markRead(2, { messageId: idsOf(sent)[1] ?? 0 })
    expect([await unread(1), await unread(2)]).toEqual([[1], [1]])
  },
}
