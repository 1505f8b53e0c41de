import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import type { Draft, Profile } from '../../src/chat/model.ts'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { byUser, HERE, range, readAll, send } from '../store/opened-store.ts'
import { connect } from '../support/clients.ts'
import { withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { residentBytes } from '../support/memory.ts'
import { countOf, filledFolder, inFile, move } from '../support/move.ts'
import { startApi, startDaemon, TestProgram } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const here = test.skipIf(port === undefined)
const USERS = range(6)
const TEXTS = [
  'Grüße 👩‍👩‍👧',
  'a\0b',
  `It's \\n "quoted"`,
  ' around ',
  'line\r\nline',
  'x'.repeat(4_999),
]
const KEYS = ['Key', 'key', 'key ', 'k\u00e9y', 'ke\u0301y', '😀'.repeat(64)]
const FILES = 'chat/images/3f.jpg'

/** A chat with rows of every kind: read and unread, blocked before and after, with and without files. */
async function fill(chat: Chat): Promise<void> {
  const { daemonId } = await chat.daemons.register(HERE)
  const connect = (userId: number, profile: Partial<Profile> = {}) =>
    chat.connections.connect({ daemonId, userId, address: '127.0.0.1', profile })
  await connect(5, { name: 'Ünlü 😀', username: 'unlu', profileUrl: '/uploads/5.jpg' })
  const { connectionId } = await connect(6)
  const seenAt = new Date('2026-01-23T20:30:45Z')
  await chat.connections.disconnect({ connectionId, userId: 6, seenAt })
  for (const [index, text] of TEXTS.entries()) {
    await send(chat, 1, 2, { message: text, clientMessageId: KEYS[index] })
    await send(chat, 2, 1, { message: `${text}!`, clientMessageId: KEYS[index] })
  }
  const image: Draft['media'] = {
    type: 'image',
    path: FILES,
    fileSize: 2 ** 33,
    duration: undefined,
  }
  const voice: Draft['media'] = {
    type: 'voice',
    path: 'chat/voice/ü.ogg',
    fileSize: 1,
    duration: 7,
  }
  await send(chat, 3, 1, { message: '', media: image })
  await send(chat, 3, 1, { message: 'Caption', media: voice })
  await send(chat, 4, 1)
  await chat.messages.markRead(1, { otherUserId: 2 })
  await chat.messages.markRead(1, { otherUserId: 4 })
  await chat.blocks.block(4, 1, true)
  await chat.blocks.block(5, 6, true)
  await chat.blocks.block(6, 5, true)
  await chat.events.broadcast('shop:sale', null, { percent: 20, title: '50 % 😀' })
  await chat.events.broadcast('shop:order', 258, { orderId: 1 })
  await chat.events.broadcast('shop:order', 2, { orderId: 2 })
  const report = { position: 0, deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt: seenAt }
  await chat.daemons.unregister(daemonId, report)
}

/** Every answer of a chat to every user. */
async function answersOf(chat: Chat) {
  const page = { limit: 3, offset: 0 }
  await chat.webhooks.receivers(100, [])
  return Promise.all(
    USERS.map(async (userId) => {
      const conversations = await chat.conversations.list(userId, { limit: 100, offset: 0 })
      const histories = conversations.map(({ conversationId }) =>
        historyOf(chat, conversationId, userId),
      )
      const others = USERS.filter((other) => other !== userId)
      return {
        user: await chat.users.find(userId),
        lastSeenAt: await chat.users.lastSeenAt(userId),
        conversations,
        secondPage: await chat.conversations.list(userId, { ...page, offset: 1 }),
        histories: await Promise.all(histories),
        blocks: await Promise.all(others.map((other) => chat.blocks.find(userId, other))),
        missed: await Promise.all([0, 3, 9].map((id) => chat.messages.since(userId, id, 4))),
        counts: await Promise.all([0, 3].map((id) => chat.messages.countSince(userId, id, 100))),
        media: await chat.messages.peopleOfMedia(FILES),
        webhooks: await chat.webhooks.waiting(userId, 100),
      }
    }),
  )
}

/** All pages, back to the first message. */
async function historyOf(chat: Chat, conversationId: number, viewerId: number) {
  const pages = []
  let beforeMessageId: number | undefined
  for (;;) {
    const page = { limit: 4, offset: 0, beforeMessageId }
    const found = await chat.messages.history(conversationId, page, viewerId)
    pages.push(found)
    if (!found.hasMore) return pages
    beforeMessageId = found.messages[0]?.messageId
  }
}

/** What is on its way to each user, in order. */
async function pendingOf(chat: Chat) {
  const events = await readAll(chat.events.tail())
  return byUser(events.map(({ eventId: _, ...event }) => ({ ...event, eventId: 0 })))
}

here('what was moved answers as before, and goes on', async () => {
  const folder = temporaryFolder()
  const database = new TestDatabase()
  await inFile(folder, fill)
  withDatabase(join(folder, 'chat.db'), (file) => {
    file.exec(`
      UPDATE sqlite_sequence SET seq = 700 WHERE name = 'messages';
      UPDATE sqlite_sequence SET seq = 70 WHERE name = 'conversations';
    `)
  })
  const before = await inFile(folder, answersOf)

  const { code, output, errors } = await move(folder, database.url)
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  expect(output).toMatch(/^messages +\d+ rows +checksum [\da-f]{16}$/m)
  expect(output).toContain(`Set CHAT_DATABASE=${database.url} for both programs, and start them.`)

  const { store } = await database.open()
  expect(await answersOf(store)).toEqual(before)
  expect(await inFile(folder, answersOf)).toEqual(before)
  expect(await pendingOf(store)).toEqual(await inFile(folder, pendingOf))
  for (const [index, clientMessageId] of KEYS.entries()) {
    const draft = { senderId: 1, receiverId: 2, message: 'Once more', clientMessageId }
    const { message, isNew } = await store.messages.post(draft)
    expect({ isNew, text: message.message }).toEqual({ isNew: false, text: TEXTS[index] })
  }
  expect(await send(store, 1, 2)).toMatchObject({ messageId: 701, conversationId: 1 })
  expect(await send(store, 2, 5)).toMatchObject({ messageId: 702, conversationId: 71 })
})

here('the services start on what was moved, and send what was on its way', async () => {
  const folder = temporaryFolder()
  const database = new TestDatabase()
  await inFile(folder, (chat) => send(chat, 1, 2, { message: 'On its way' }))
  await move(folder, database.url)
  const settings = { CHAT_DATABASE: database.url }
  const { url } = await startDaemon(folder, settings)
  await startApi(folder, settings)
  const client = await connect(url, 2)
  expect(await client.event('chat:message')).toMatchObject({ message: 'On its way' })
})

here('a hundred thousand messages are moved in the memory of a fifth of them', async () => {
  const database = new TestDatabase()
  const [few, many] = [await filledFolder(20_000), await filledFolder(100_000)]
  const peakOf = async (folder: string, url: string) => {
    const program = new TestProgram('chat-api', ['move', url], folder, {})
    const samples: number[] = []
    const sample = () => {
      if (!program.hasExited) samples.push(residentBytes(program.pid) || 0)
      return program.hasExited
    }
    await waitFor(sample, 'the move to end', 120_000)
    expect({ code: await program.exit(), output: program.output }).toMatchObject({ code: 0 })
    return { peak: Math.max(...samples), output: program.output }
  }
  const { peak: least } = await peakOf(few, new TestDatabase().url)
  const { peak, output } = await peakOf(many, database.url)

  // The others are 8 MB in the file, and many times that as values of a program.
  expect(peak - least).toBeLessThan(40 * 1024 * 1024)
  expect(output).toContain('Copying: 100,003 of 100,003 rows (100 %), ')
  expect(output).toContain('Checking: 100,003 of 100,003 rows (100 %), ')
  expect(await countOf(await database.connect())).toBe(100_000)
})
