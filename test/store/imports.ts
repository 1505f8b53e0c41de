import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import type { ImportedMessage } from '../../src/chat/imports.ts'
import { idsOf, type Promises, range, readAll, register, send } from './opened-store.ts'

/** A server in a cluster gives out every third id. */
const ID_STEP_MAX = 3
const PAGE = { limit: 100, offset: 0 }
const READ_AT = '2024-05-01 10:00:00'

/** A text of user 1 to user 2, unless it is said otherwise. */
function message(messageId: number, more: Partial<ImportedMessage> = {}): ImportedMessage {
  return {
    messageId,
    senderId: 1,
    receiverId: 2,
    messageType: 'text',
    message: `Said in PHP 😀 ${messageId}`,
    mediaPath: null,
    mediaDuration: null,
    fileSize: null,
    readAt: null,
    createdAt: '2024-05-01 09:30:00',
    ...more,
  }
}

async function unreadCounts(chat: Chat, userId: number) {
  const conversations = await chat.conversations.list(userId, PAGE)
  return conversations.map(({ other, unreadCount }) => [other.userId, unreadCount])
}

export const imports: Promises = {
  'imported messages keep their ids, and make users, conversations and unread counts': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const voice = {
      messageType: 'voice',
      message: 'Caption',
      mediaPath: 'chat/voice/a b.ogg',
      mediaDuration: 7,
      fileSize: 2 ** 33,
    } as const
    const counts = await api.imports.addMessages([
      message(70, { senderId: 3, receiverId: 1 }),
      message(7, { readAt: READ_AT }),
      message(17, { senderId: 2, receiverId: 1, ...voice }),
      message(27),
      message(37),
    ])

    expect(counts).toEqual({ added: 5, read: 0 })
    expect(await unreadCounts(daemon, 1)).toEqual([
      [3, 1],
      [2, 1],
    ])
    expect(await unreadCounts(daemon, 2)).toEqual([[1, 2]])
    const conversationId = (await daemon.conversations.between(1, 2)) ?? 0
    const { messages } = await daemon.messages.history(conversationId, PAGE, 1)
    expect(idsOf(messages)).toEqual([7, 17, 27, 37])
    expect(messages[0]).toMatchObject({ message: 'Said in PHP 😀 7', readAt: READ_AT })
    expect(messages[1]).toMatchObject({ ...voice, readAt: null, createdAt: '2024-05-01 09:30:00' })
    expect(await daemon.users.find(3)).toBeDefined()
  },

  'what is imported is told to nobody, and is what a client resumes from': async (open) => {
    const { api, daemon } = await open()
    await api.imports.addMessages(range(5).map((id) => message(id)))
    expect(await readAll(daemon.events.tail())).toEqual([])
    expect(idsOf((await daemon.messages.since(2, 3, 10)).messages)).toEqual([4, 5])
    expect(await daemon.messages.countSince(2, 3, 10)).toBe(2)
  },

  'a batch that comes again adds what is new, and what was read since': async (open) => {
    const { api } = await open()
    await api.imports.addMessages([message(1), message(2), message(3, { readAt: READ_AT })])
    const again = [message(1, { readAt: READ_AT }), message(2), message(3), message(4)]

    expect(await api.imports.addMessages(again)).toEqual({ added: 1, read: 1 })
    expect(await unreadCounts(api, 2)).toEqual([[1, 2]])
    const conversationId = (await api.conversations.between(1, 2)) ?? 0
    const { messages } = await api.messages.history(conversationId, PAGE, 2)
    expect(messages.map(({ readAt }) => readAt)).toEqual([READ_AT, null, READ_AT, null])
    expect(await api.imports.addMessages(again)).toEqual({ added: 0, read: 0 })
  },

  'an older message that comes later is not the last of its conversation': async (open) => {
    const { api } = await open()
    await api.imports.addMessages([message(20)])
    await api.imports.addMessages([message(10)])
    const [conversation] = await api.conversations.list(1, PAGE)
    expect(conversation?.lastMessage.messageId).toBe(20)
  },

  'a batch with an id that another message has is refused as a whole, and says which': async (
    open,
  ) => {
    const { api } = await open()
    const sent = await send(api, 1, 2)
    const rejected = api.imports.addMessages([message(5), message(sent.messageId)])
    await expect(rejected).rejects.toMatchObject({
      code: 'setup',
      message: `message_id ${sent.messageId} is another message there (message, created_at).`,
    })
    expect(await api.imports.find([message(5)])).toEqual([])
    expect(await unreadCounts(api, 2)).toEqual([[1, 1]])
  },

  'stored messages are found by their ids and by their files': async (open) => {
    const { api } = await open()
    const image = { messageType: 'image', message: '', mediaPath: 'chat/images/a.jpg' } as const
    await api.imports.addMessages([message(1), message(2, { ...image, fileSize: 5 }), message(3)])
    const found = await api.imports.find([message(9, image), message(3)])
    expect(idsOf(found).sort()).toEqual([2, 3])
    const { mediaDuration: _, fileSize: __, ...identity } = message(3)
    expect(found.find(({ messageId }) => messageId === 3)).toEqual(identity)
  },

  'ids that were reserved are given to no new message, and are never taken back': async (open) => {
    const { api } = await open()
    await api.imports.reserveIds(100)
    await api.imports.reserveIds(50)
    const { messageId: first } = await send(api, 1, 2)
    expect(first).toBeGreaterThan(100)
    expect(first).toBeLessThanOrEqual(100 + ID_STEP_MAX)
    await api.imports.reserveIds(100)
    const { messageId: second } = await send(api, 1, 2)
    expect(second).toBeGreaterThan(first)
    expect(second).toBeLessThanOrEqual(first + ID_STEP_MAX)
    expect(await api.imports.firstIdBetween(0, first - 1)).toBeUndefined()
    expect(await api.imports.firstIdBetween(0, first)).toBe(first)
    expect(await api.imports.firstIdBetween(second, 200)).toBeUndefined()
  },

  'users are added, and what is known of them already stays': async (open) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    await connect(2, { profile: { name: 'Bob here' } })
    const users = [
      { userId: 1, profile: { username: 'al\u0000', name: 'Al', profileUrl: '/uploads/al.jpg' } },
      { userId: 2, profile: { username: 'bob', name: 'Bob' } },
      { userId: 3, profile: {} },
    ]
    expect(await api.imports.addUsers(users)).toBe(3)
    expect(await api.imports.addUsers(users)).toBe(0)
    const [al, bob, other] = await Promise.all([1, 2, 3].map((id) => daemon.users.find(id)))
    expect(al).toMatchObject({ username: 'al', name: 'Al', profileUrl: '/uploads/al.jpg' })
    expect(bob).toMatchObject({ username: 'bob', name: 'Bob here' })
    expect(other).toMatchObject({ username: '', name: '' })
  },

  'blocks are added with their users, once': async (open) => {
    const { api } = await open()
    const blocks = [
      { userId: 1, blockedUserId: 2, createdAt: '2024-05-01 09:30:00' },
      { userId: 2, blockedUserId: 1, createdAt: null },
    ]
    expect(await api.imports.addBlocks(blocks.slice(0, 1))).toBe(1)
    expect(await api.imports.addBlocks(blocks)).toBe(1)
    expect(await api.imports.addBlocks(blocks)).toBe(0)
    expect(await api.blocks.find(2, 1)).toEqual({ isBlocked: true, isBlockedByOther: true })
    expect(await api.users.find(2)).toBeDefined()
  },

  'messages are read and sent on as if they had been written here': async (open) => {
    const { api } = await open()
    // In PHP a client may have marked one and not those before it.
    const isRead = [true, false, true, false, true]
    await api.imports.addMessages(
      isRead.map((read, index) => message(index + 1, { readAt: read ? READ_AT : null })),
    )
    await api.imports.reserveIds(5)
    const sent = await send(api, 1, 2)
    expect(sent.messageId).toBeGreaterThan(5)
    expect(await unreadCounts(api, 2)).toEqual([[1, 3]])
    const receipt = await api.messages.markRead(2, { messageId: sent.messageId })
    expect(receipt).toMatchObject({ readCount: 3, messageId: sent.messageId })
    expect(await unreadCounts(api, 2)).toEqual([[1, 0]])
    const { messages } = await api.messages.history(sent.conversationId, PAGE, 2)
    expect(messages.every(({ readAt }) => readAt !== null)).toBe(true)
    expect(messages[0]?.readAt).toBe(READ_AT)
  },
}
