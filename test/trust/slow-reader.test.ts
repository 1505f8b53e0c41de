import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../support/clients.ts'
import { peakBytesDuring } from '../support/memory.ts'
import { startDaemon, temporaryFolder } from '../support/processes.ts'
import { connectStuckReader } from '../support/stuck-reader.ts'
import { waitFor } from '../support/wait.ts'

const SOCKETS = 200
const STUCK_USER = 1
const FIRST_USER = 2
const LAST_USER = SOCKETS
const MESSAGES_PER_SECOND = 500
const SECONDS = 5
/** The same without a stuck reader, to see what the memory of a daemon at work is. */
const WARM_UP_SECONDS = 4
const GROWTH_BYTES_MAX = 32 * 1024 * 1024
/**
 * Node lets up to 48 MB of garbage gather before it looks, as it happens; with less room for it, what
 * is measured is what is held.
 */
const LITTLE_GARBAGE = { NODE_OPTIONS: '--max-semi-space-size=2' }
/** Every other message is for the stuck reader, 10 MB in all: its buffer is full long before the end. */
const LONG_TEXT = 'x'.repeat(8 * 1024)
const TEXT = 'x'.repeat(512)

/** A program of the shop's own that pushes events by SQL. */
class Pusher {
  readonly #sqlite: Sqlite.Database
  readonly #insert: Sqlite.Statement<[number | null, string]>

  constructor(folder: string) {
    this.#sqlite = new Sqlite(join(folder, 'chat.db'))
    this.#sqlite.pragma('synchronous = OFF')
    onTestFinished(() => void this.#sqlite.close())
    this.#insert = this.#sqlite.prepare(
      "INSERT INTO pending_events (event, user_id, data) VALUES ('shop:news', ?, ?)",
    )
  }

  push(news: { userId: number | null; number: number; text: string }[]): void {
    const insert = this.#sqlite.transaction(() => {
      for (const { userId, ...data } of news) this.#insert.run(userId, JSON.stringify(data))
    })
    insert.immediate()
  }
}

/** A client that keeps the numbers of what it was told. */
async function listen(url: string, userId: number) {
  const socket = new WebSocket(`${url}/?user_id=${userId}`)
  onTestFinished(() => socket.terminate())
  const numbers: number[] = []
  let isConnected = false
  socket.on('message', (text) => {
    const { event, data } = JSON.parse(String(text))
    if (event === 'chat:connected') isConnected = true
    if (event === 'shop:news') numbers.push(data.number)
  })
  await waitFor(() => isConnected, `user ${userId} to be connected`)
  return { userId, socket, numbers }
}

/**
 * Every other message is for `heavyUserId`, every 50th for everybody, and the rest are for each of the
 * others in turn.
 */
function newsFor(heavyUserId: number, number: number) {
  if (number % 2 === 1) return { userId: heavyUserId, number, text: LONG_TEXT }
  const isForAll = number % 50 === 0
  const inTurn = FIRST_USER + ((number / 2) % (LAST_USER - FIRST_USER + 1))
  return { userId: isForAll ? null : inTurn, number, text: TEXT }
}

/** Pushes what is due at so many messages a second; resolves when all is pushed. */
async function pushSteadily(pusher: Pusher, news: ReturnType<typeof newsFor>[]): Promise<void> {
  const startedAt = Date.now()
  let pushed = 0
  const isAllPushed = () => {
    const due = Math.ceil(((Date.now() - startedAt) * MESSAGES_PER_SECOND) / 1_000)
    pusher.push(news.slice(pushed, due))
    pushed = due
    return pushed >= news.length
  }
  await waitFor(isAllPushed, 'everything to be pushed')
}

test('a stuck reader is cut off, costs little memory, and takes nothing from the others', async () => {
  const folder = temporaryFolder()
  const { program, url } = await startDaemon(folder, {
    CHAT_OFFLINE_DELAY_MS: '0',
    ...LITTLE_GARBAGE,
  })
  const pusher = new Pusher(folder)
  const witness = await connect(url, LAST_USER + 1)
  const users = Array.from({ length: LAST_USER - FIRST_USER + 1 }, (_, at) => FIRST_USER + at)
  const readers = await Promise.all(users.map((userId) => listen(url, userId)))
  const allNews = (count: number, heavyUserId: number) =>
    Array.from({ length: count }, (_, number) => newsFor(heavyUserId, number))
  const areTold = async (news: ReturnType<typeof allNews>) => {
    const shareOf = (userId: number) =>
      news.filter((one) => one.userId === null || one.userId === userId)
    const isTold = () =>
      readers.every(({ userId, numbers }) => numbers.length >= shareOf(userId).length)
    await waitFor(isTold, 'everybody to be told')
    for (const { userId, numbers } of readers) {
      expect(numbers.splice(0)).toEqual(shareOf(userId).map(({ number }) => number))
    }
  }
  const work = (news: ReturnType<typeof allNews>) =>
    peakBytesDuring(program.pid, async () => {
      await pushSteadily(pusher, news)
      await areTold(news)
    })
  const startBytes = await work(allNews(MESSAGES_PER_SECOND * WARM_UP_SECONDS, FIRST_USER))
  await connectStuckReader(url, STUCK_USER)
  const isSaidToBe = (status: string) =>
    witness
      .all('chat:user_status')
      .some((told) => told.user_id === STUCK_USER && told.status === status)
  await waitFor(() => isSaidToBe('online'), 'the stuck reader to be connected')

  const peakBytes = await work(allNews(MESSAGES_PER_SECOND * SECONDS, STUCK_USER))

  await waitFor(() => isSaidToBe('offline'), 'the stuck reader to be cut off')
  expect(readers.filter(({ socket }) => socket.readyState !== WebSocket.OPEN)).toEqual([])
  expect(peakBytes - startBytes).toBeLessThan(GROWTH_BYTES_MAX)
})

test('a reader that wakes up in time is told why it was closed: 4408', async () => {
  const folder = temporaryFolder()
  const { url } = await startDaemon(folder)
  const pusher = new Pusher(folder)
  const slow = await connect(url, STUCK_USER)
  const fast = await connect(url, FIRST_USER)
  slow.socket.pause()

  const burst = Array.from({ length: 1_000 }, (_, number) => number)
  pusher.push(burst.map((number) => ({ userId: STUCK_USER, number, text: LONG_TEXT })))
  pusher.push([{ userId: FIRST_USER, number: burst.length, text: '' }])
  await fast.event('shop:news')
  slow.socket.resume()

  const reason = 'Too slow to read; reconnect and ask for what you missed'
  expect(await slow.whenClosed()).toEqual({ code: 4408, reason })
  const told = slow.all('shop:news').map(({ number }) => number)
  expect(told.length).toBeLessThan(burst.length)
  expect(told).toEqual(burst.slice(0, told.length))
})
