import { once } from 'node:events'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { connect, type TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { textHeader } from '../support/frames.ts'
import { startDaemon } from '../support/in-process.ts'
import { openSocket, upgradeRequest } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

const FRAMES = limits.frames.max
/** Whatever seconds these fall into, one of them gets too much. */
const SECONDS = 3
const TOO_MANY = { code: 4429, reason: 'Too many frames; send fewer' }

function ping(socket: TestSocket, count: number, bytes = 0): void {
  for (let sent = 0; sent < count; sent += 1) socket.send('{"event":"ping"}'.padEnd(bytes))
}

test('a user may send 50 frames in a second; a socket that sends more is closed with 4429', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  const [sameUser, another] = [await connect(url, 1), await connect(url, 2)]
  expect(FRAMES).toBe(50)
  ping(socket, FRAMES)
  await socket.event('pong', FRAMES)

  ping(socket, SECONDS * FRAMES + 1)

  expect(await socket.whenClosed()).toEqual(TOO_MANY)
  expect(sameUser.closed).toBe(undefined)
  await another.settled()
})

test('all sockets of a user count together', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const sockets = await Promise.all(Array.from({ length: SECONDS + 1 }, () => connect(url, 1)))
  for (const socket of sockets) ping(socket, FRAMES)
  const isRefused = () => sockets.some(({ closed }) => closed?.code === TOO_MANY.code)
  await waitFor(isRefused, 'one of them to be closed')
})

test('whoever comes back is still counted', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const visit = async () => {
    const socket = await connect(url, 1)
    ping(socket, FRAMES / 5)
    await waitFor(() => socket.all('pong').length === FRAMES / 5 || isClosed(socket), 'the pongs')
    socket.socket.terminate()
    return socket.closed?.code === TOO_MANY.code
  }
  await waitFor(visit, 'a visit to be one too many')
})

test.each(['ping', 'pong'] as const)('every %s of the protocol counts', async (kind) => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  for (let sent = 0; sent <= SECONDS * FRAMES; sent += 1) socket.socket[kind]()
  expect(await socket.whenClosed()).toEqual(TOO_MANY)
})

test('pongs that the daemon asked for do not count, however many sockets a user has', async () => {
  const { url } = await startDaemon(temporaryFolder(), {
    CHAT_PING_INTERVAL_MS: '1000',
    CHAT_MAX_CONNECTIONS_PER_USER: '200',
  })
  const sockets = await Promise.all(Array.from({ length: 2 * FRAMES }, () => connect(url, 1)))
  let pings = 0
  for (const { socket } of sockets) {
    socket.on('ping', () => {
      pings += 1
    })
  }
  await waitFor(() => pings >= 3 * sockets.length, 'everybody to be pinged three times')
  expect(sockets.filter(isClosed)).toEqual([])
})

test('a user may send 64 KB in a second; a socket that sends more is closed with 4429', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const [socket, another] = [await connect(url, 1), await connect(url, 2)]
  const bytes = 4_000
  const count = Math.floor(limits.frameBytesPerSecond.max / (bytes + 8))
  ping(socket, count, bytes)
  await socket.event('pong', count)

  // Fewer than would be too many frames, and too much in one of two seconds.
  expect(3 * count + 1).toBeLessThan(FRAMES)
  ping(socket, 2 * count + 1, bytes)

  expect(await socket.whenClosed()).toEqual(TOO_MANY)
  await another.settled()
})

test('a frame may come in 8 fragments; one more closes with 1008', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  const fragments = limits.frameFragments.max
  socket.socket.send('{"event":"ping"}', { fin: false })
  for (let sent = 2; sent < fragments; sent += 1) socket.socket.send(' ', { fin: false })
  socket.socket.send('', { fin: true })
  await socket.event('pong')

  for (let sent = 0; sent <= fragments; sent += 1) socket.socket.send('', { fin: false })
  expect((await socket.whenClosed()).code).toBe(1008)
})

test('a frame that trickles in byte by byte is not waited for', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const client = await connect(url, 1)
  const raw = await openSocket(url)
  raw.setNoDelay()
  raw.write(upgradeRequest('/?user_id=2'))
  await once(raw, 'data')
  let isCut = false
  raw.on('data', (chunk) => {
    isCut ||= chunk.includes(Buffer.from([0x88, 2, 1008 >> 8, 1008 & 0xff]))
  })
  const length = limits.frameBytes.max
  raw.write(textHeader(length))
  let sent = 0
  const sendOne = () => {
    raw.write('x')
    sent += 1
    return isCut
  }
  await waitFor(sendOne, 'the cut')
  expect(sent).toBeGreaterThanOrEqual(limits.frameChunks.max)
  expect(sent).toBeLessThan(length / 2)
  await client.settled()
})

function isClosed({ closed }: TestSocket): boolean {
  return closed !== undefined
}
