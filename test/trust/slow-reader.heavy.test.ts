import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { limits } from '../../src/limits/limits.ts'
import { Connection } from '../../src/websocket/connection.ts'
import { eventFrame } from '../../src/websocket/frame.ts'
import { connect, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { peakBytesDuring } from '../support/memory.ts'
import { startDaemon } from '../support/processes.ts'
import { connectStuckReader } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

const SOCKETS = 200
const STUCK_USER = 1
const FIRST_USER = 2
const LAST_USER = SOCKETS
const MESSAGES_PER_SECOND = 500
/** For at least so long, and until the stuck reader is cut off: the kernel takes a lot for it first. */
const SECONDS_MIN = 5
const SECONDS_MAX = 30
/** The same without a stuck reader, to see what the memory of a daemon at work is. */
const WARM_UP_SECONDS = 4
const GROWTH_BYTES_MAX = 32 * 1024 * 1024
const LONG_TEXT = 'x'.repeat(8 * 1024)
const TEXT = 'x'.repeat(512)

interface News {
  userId: number | null
  number: number
  text: string
}

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

  push(news: News[]): void {
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
function newsFor(heavyUserId: number, number: number): News {
  if (number % 2 === 1) return { userId: heavyUserId, number, text: LONG_TEXT }
  const isForAll = number % 50 === 0
  const inTurn = FIRST_USER + ((number / 2) % (LAST_USER - FIRST_USER + 1))
  return { userId: isForAll ? null : inTurn, number, text: TEXT }
}

/** Pushes news, at so many a second, until `isEnough`; resolves with what it has pushed. */
async function pushSteadily(
  pusher: Pusher,
  heavyUserId: number,
  isEnough: (seconds: number) => boolean,
): Promise<News[]> {
  const startedAt = Date.now()
  const all: News[] = []
  const pushUntilEnough = () => {
    const seconds = (Date.now() - startedAt) / 1_000
    const due: News[] = []
    while (all.length + due.length < seconds * MESSAGES_PER_SECOND) {
      due.push(newsFor(heavyUserId, all.length + due.length))
    }
    pusher.push(due)
    all.push(...due)
    return isEnough(seconds)
  }
  await waitFor(pushUntilEnough, 'enough to be pushed', SECONDS_MAX * 1_000)
  return all
}

test('a stuck reader is cut off, costs little memory, and takes nothing from the others', {
  timeout: 90_000,
}, async () => {
  const folder = temporaryFolder()
  const { program, url } = await startDaemon(folder, { CHAT_OFFLINE_DELAY_MS: '0' })
  const pusher = new Pusher(folder)
  const witness = await connect(url, LAST_USER + 1)
  const users = Array.from({ length: LAST_USER - FIRST_USER + 1 }, (_, at) => FIRST_USER + at)
  const readers = await Promise.all(users.map((userId) => listen(url, userId)))
  const areTold = async (news: News[]) => {
    const shareOf = (userId: number) =>
      news.filter((one) => one.userId === null || one.userId === userId)
    const isTold = () =>
      readers.every(({ userId, numbers }) => numbers.length >= shareOf(userId).length)
    await waitFor(isTold, 'everybody to be told')
    for (const { userId, numbers } of readers) {
      expect(numbers.splice(0)).toEqual(shareOf(userId).map(({ number }) => number))
    }
  }
  const peakBytesOf = (heavyUserId: number, isEnough: (seconds: number) => boolean) =>
    peakBytesDuring(program.pid, async () => {
      await areTold(await pushSteadily(pusher, heavyUserId, isEnough))
    })
  const startBytes = await peakBytesOf(FIRST_USER, (seconds) => seconds > WARM_UP_SECONDS)
  await connectStuckReader(url, STUCK_USER)
  const isSaidToBe = (status: string) =>
    witness
      .all('chat:user_status')
      .some((told) => told.user_id === STUCK_USER && told.status === status)
  await waitFor(() => isSaidToBe('online'), 'the stuck reader to be connected')

  const isOver = (seconds: number) => seconds > SECONDS_MIN && isSaidToBe('offline')
  const peakBytes = await peakBytesOf(STUCK_USER, isOver)

  expect(readers.filter(({ socket }) => socket.readyState !== WebSocket.OPEN)).toEqual([])
  expect(peakBytes - startBytes).toBeLessThan(GROWTH_BYTES_MAX)
})

test('at 1 MB that waits for its reader a socket is open; one byte more closes it: 4408', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new TestSocket(`ws://127.0.0.1:${port}`, { takesAnything: true })
  const [socket, { socket: stream }] = await once(server, 'connection')
  await once(client.socket, 'open')
  const connection = new Connection(socket, stream, STUCK_USER, '127.0.0.1')
  connection.sendConnected(eventFrame('chat:connected', '{}'))
  await client.event('chat:connected')

  // What is written while the stream is held back waits in it, to the byte.
  stream.cork()
  const frame = eventFrame('shop:news', JSON.stringify(LONG_TEXT))
  while (connection.bufferedBytes + 2 * frame.length <= limits.unreadBytes.max)
    connection.write(frame)
  const rest = limits.unreadBytes.max - connection.bufferedBytes
  const emptyFrame = eventFrame('shop:news', '""')
  const fill = (bytes: number) =>
    eventFrame('shop:news', JSON.stringify('x'.repeat(bytes - emptyFrame.length - 2)))
  connection.write(fill(rest))
  expect(connection.bufferedBytes).toBe(limits.unreadBytes.max)
  expect(connection.isOpen).toBe(true)

  connection.write(eventFrame('shop:news', '"one too many"'))
  expect(connection.isOpen).toBe(false)
  connection.write(eventFrame('shop:news', '"after the end"'))
  stream.uncork()

  const reason = 'Too slow to read; reconnect and ask for what you missed'
  expect(await client.whenClosed()).toEqual({ code: 4408, reason })
  expect(client.all('shop:news').at(-1)).toBe('one too many')
})

test('whoever pings without end and reads nothing is cut off', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  socket.socket.pause()
  const flood = setInterval(() => {
    for (let count = 0; count < 500; count += 1) socket.socket.ping('x'.repeat(125))
  }, 1)
  const gone = await connect(url, 2)
  const isOffline = () =>
    gone.all('chat:user_status').some((told) => told.user_id === 1 && told.status === 'offline')
  try {
    await waitFor(isOffline, 'the flood to be cut off', 25_000)
  } finally {
    clearInterval(flood)
  }
})
