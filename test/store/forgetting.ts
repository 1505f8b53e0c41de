import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { BATCH_MESSAGES_MAX, forgetUser } from '../../src/chat/forget.ts'
import type { Draft } from '../../src/chat/model.ts'
import { Retention } from '../../src/chat/retention.ts'
import { FORGOTTEN_TEXT } from '../../src/chat/rules.ts'
import {
  byUser,
  dataOf,
  idsOf,
  names,
  type Promises,
  range,
  readAll,
  register,
  send,
  TestTime,
} from './opened-store.ts'

const ALL = { limit: 1_000, offset: 0 }
const DAY_MS = 24 * 60 * 60 * 1000
const NO_FILES = async () => {}

function image(path: string): Draft['media'] {
  return { type: 'image', path, fileSize: 7, duration: undefined }
}

async function textsOf(chat: Chat, conversationId: number): Promise<string[]> {
  const { messages } = await chat.messages.history(conversationId, ALL)
  return messages.map(({ message }) => message)
}

export const forgetting: Promises = {
  'a forgotten message has its ids, times and read state, and nothing of what it said': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const media = { ...image('chat/voice/a.ogg'), type: 'voice', duration: 3 } as Draft['media']
    const sent = [
      await send(api, 1, 2, { message: 'Secret', clientMessageId: 'a' }),
      await send(api, 1, 2, { message: 'Caption', media }),
      await send(api, 1, 2, { message: 'Other' }),
    ]
    await api.messages.markRead(2, { messageId: sent[0]?.messageId ?? 0 })
    const before = await daemon.messages.since(2, 0, 10)

    expect(await api.forgetting.messages(idsOf(sent.slice(0, 2)))).toBe(2)
    expect(await api.forgetting.messages(idsOf(sent.slice(0, 2)))).toBe(0)

    const forgotten = {
      messageType: 'text',
      message: FORGOTTEN_TEXT,
      mediaPath: null,
      mediaDuration: null,
      fileSize: null,
    }
    const [first, second, third] = before.messages
    expect(await daemon.messages.since(2, 0, 10)).toEqual({
      messages: [{ ...first, ...forgotten }, { ...second, ...forgotten }, third],
      hasMore: false,
    })
    expect(await api.messages.peopleOfMedia('chat/voice/a.ogg')).toEqual([])
  },

  'the last of a conversation shows as deleted in the list, and stays unread': async (open) => {
    const { api, daemon } = await open()
    const { messageId } = await send(api, 1, 2)
    await api.forgetting.messages([messageId])
    expect(await daemon.conversations.list(2, ALL)).toMatchObject([
      { unreadCount: 1, lastMessage: { messageId, message: FORGOTTEN_TEXT, senderId: 1 } },
    ])
    expect(await api.messages.markRead(2, { otherUserId: 1 })).toMatchObject({ readCount: 1 })
  },

  'a retry of a forgotten message is answered with it, and stores nothing': async (open) => {
    const { api } = await open()
    const draft = { senderId: 1, receiverId: 2, message: 'Hello', clientMessageId: 'a' }
    const { message } = await api.messages.post(draft)
    await api.forgetting.messages([message.messageId])
    const forgotten = { ...message, message: FORGOTTEN_TEXT }
    expect(await api.messages.post({ ...draft, media: image('chat/images/b.jpg') })).toEqual({
      message: forgotten,
      json: JSON.stringify(api.wire.message(forgotten)),
      isNew: false,
    })
    expect(await api.messages.lastId()).toBe(message.messageId)
  },

  'events that wait with a forgotten message are sent in their order, without its text': async (
    open,
  ) => {
    const { api, daemon } = await open({ echoesToSender: true })
    const first = await send(api, 1, 2, { message: 'Secret' })
    const other = await send(api, 1, 2, { message: 'Other' })
    await api.events.broadcast('shop:order', 2, { text: 'Secret' })
    const before = byUser(await readAll(daemon.events.tail()))
    await api.forgetting.messages([first.messageId])

    expect(await api.forgetting.events()).toBe(2)
    expect(await api.forgetting.events()).toBe(0)

    const after = byUser(await readAll(daemon.events.tail()))
    expect(after.map((event) => ({ ...event, data: null }))).toEqual(
      before.map((event) => ({ ...event, data: null })),
    )
    const changed = after.filter(({ data }, index) => data !== before[index]?.data)
    expect(changed.map(dataOf)).toEqual(
      [1, 2].map(() => ({ ...toJson(api.wire.message(first)), message: FORGOTTEN_TEXT })),
    )
    expect(JSON.stringify(after)).toContain(other.message)
  },

  'thousands of waiting events are gone through': async (open) => {
    const { api } = await open()
    const sent = await Promise.all(range(1_203).map((n) => send(api, 1 + n, 2 * n + 2)))
    const ids = idsOf(sent.filter((_, index) => index % 400 === 0))
    await api.forgetting.messages(ids)
    expect(await api.forgetting.events()).toBe(ids.length)
  },

  'messages are found in the order of their ids, up to the first that is too young': async (
    open,
  ) => {
    const time = new TestTime()
    const { api } = await open({ now: time.now })
    const old = [await send(api, 1, 2), await send(api, 3, 1, { media: image('a.jpg') })]
    time.ms += 1_000
    const limit = api.clock.stored()
    const young = await send(api, 2, 1)
    const found = async (after: number, count: number) =>
      idsOf(await api.forgetting.storedBefore(limit, after, count))
    expect(await found(0, 10)).toEqual(idsOf(old))
    expect(await found(0, 1)).toEqual(idsOf(old.slice(0, 1)))
    expect(await found(old[0]?.messageId ?? 0, 10)).toEqual(idsOf(old.slice(1)))
    expect(await found(young.messageId, 10)).toEqual([])
    const [, second] = await api.forgetting.storedBefore(limit, 0, 10)
    expect(second).toMatchObject({ message: 'Hello', mediaPath: 'a.jpg' })
  },

  'to forget a user takes all that they wrote, their files and their profile, and no more': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    const profile = { username: 'john', name: 'John', profileUrl: 'https://shop.example/1.jpg' }
    await connect(1, { profile })
    await connect(2, { profile: { name: 'Jane' } })
    const path = (n: number) => `chat/images/${n}.jpg`
    for (const n of range(BATCH_MESSAGES_MAX + 1)) {
      const media = n % 50 === 0 ? image(path(n)) : undefined
      await Promise.all([
        send(api, 1, 2 + (n % 3), { message: `Mine ${n}`, media }),
        send(api, 2, 1, { message: `Theirs ${n}` }),
      ])
    }
    const theirs = await send(api, 2, 1, { media: image('chat/images/theirs.jpg') })
    await readAll(daemon.events.tail())

    const removed: string[] = []
    const parts = { chat: api, removeFile: async (file: string) => void removed.push(file) }
    const messages = BATCH_MESSAGES_MAX + 1
    expect(await forgetUser(parts, 1)).toEqual({ messages, files: 2 })
    expect(await forgetUser(parts, 1)).toEqual({ messages: 0, files: 0 })

    expect(removed.sort()).toEqual([path(100), path(50)])
    expect(await daemon.users.find(1)).toEqual({
      userId: 1,
      username: '',
      name: '',
      profileUrl: '',
    })
    expect(await daemon.users.find(2)).toMatchObject({ name: 'Jane' })
    const texts = await textsOf(daemon, theirs.conversationId)
    expect(texts.filter((text) => text.startsWith('Theirs'))).toHaveLength(messages)
    expect(JSON.stringify(await readAll(daemon.events.tail()))).not.toMatch(/Mine|John|john/)
    expect((await daemon.messages.history(theirs.conversationId, ALL)).messages.at(-1)).toEqual(
      theirs,
    )
  },

  'the sockets of a user who is forgotten are closed': async (open) => {
    const { api, daemon } = await open()
    await send(api, 1, 2)
    await forgetUser({ chat: api, removeFile: NO_FILES }, 2)
    const events = await readAll(daemon.events.tail())
    expect(names(events).sort()).toEqual(['chat:disconnect', 'chat:message'])
    expect(events.find(({ event }) => event === 'chat:disconnect')).toMatchObject({ userId: 2 })
  },

  'a user who was never there cannot be forgotten': async (open) => {
    const { api, daemon } = await open()
    await expect(forgetUser({ chat: api, removeFile: NO_FILES }, 1)).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await readAll(daemon.events.tail())).toEqual([])
  },

  'where a file cannot be removed its message keeps it, for the next try': async (open) => {
    const { api } = await open()
    await send(api, 1, 2, { media: image('chat/images/1.jpg') })
    await send(api, 1, 3, { media: image('chat/images/2.jpg') })
    const removed: string[] = []
    const removeFile = async (path: string) => {
      removed.push(path)
      if (removed.length === 2) throw new Error('The bucket is away')
    }
    await expect(forgetUser({ chat: api, removeFile }, 1)).rejects.toThrow('away')
    expect(await forgetUser({ chat: api, removeFile }, 1)).toEqual({ messages: 2, files: 2 })
    expect(removed).toEqual([...removed.slice(0, 2), ...removed.slice(0, 2)])
  },

  'retention forgets what is older than its days, of whoever, and then what has become so': async (
    open,
  ) => {
    const time = new TestTime()
    const { api } = await open({ now: time.now })
    const { conversationId } = await send(api, 1, 2, { message: 'First' })
    await send(api, 2, 1, { media: image('chat/images/1.jpg') })
    time.ms += DAY_MS
    await send(api, 1, 2, { message: 'Second' })
    const removed: string[] = []
    const removeFile = async (path: string) => void removed.push(path)
    const retention = new Retention({ chat: api, removeFile }, 2)
    const run = async () => {
      await retention.run()
      return textsOf(api, conversationId)
    }

    time.ms += DAY_MS
    expect(await run()).toEqual(['First', 'Hello', 'Second'])
    time.ms += 1_000
    expect(await run()).toEqual([FORGOTTEN_TEXT, FORGOTTEN_TEXT, 'Second'])
    expect(removed).toEqual(['chat/images/1.jpg'])
    time.ms += DAY_MS
    expect(await run()).toEqual(Array(3).fill(FORGOTTEN_TEXT))
  },

  'retention goes on where a process before it was cut off, events and all': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const count = 2 * BATCH_MESSAGES_MAX + 1
    const sent = await Promise.all(range(count).map((n) => send(api, 1, 2 + (n % 7))))
    await api.forgetting.messages(idsOf(sent.slice(0, BATCH_MESSAGES_MAX + 1)))
    time.ms += 2 * DAY_MS
    await new Retention({ chat: api, removeFile: NO_FILES }, 1).run()
    const events = await readAll(daemon.events.tail())
    expect(events.map(dataOf)).toMatchObject(Array(count).fill({ message: FORGOTTEN_TEXT }))
  },

  'retention that is stopped ends after its batch': async (open) => {
    const time = new TestTime()
    const { api } = await open({ now: time.now })
    const first = await send(api, 1, 2, { media: image('chat/images/1.jpg') })
    await Promise.all(range(BATCH_MESSAGES_MAX).map(() => send(api, 1, 2)))
    time.ms += 2 * DAY_MS
    const removeFile = async () => retention.stop()
    const retention: Retention = new Retention({ chat: api, removeFile }, 1)
    await retention.run()
    const texts = await textsOf(api, first.conversationId)
    expect(texts.filter((text) => text === FORGOTTEN_TEXT)).toHaveLength(BATCH_MESSAGES_MAX)
  },
}

function toJson(value: object): object {
  return JSON.parse(JSON.stringify(value))
}
