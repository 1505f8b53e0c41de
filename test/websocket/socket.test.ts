import { randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { connect } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

test('a ping is answered with a pong', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  socket.send({ event: 'ping' })
  await socket.event('pong')
  expect(socket.frames.at(-1)).toEqual({ event: 'pong' })
})

test('what is not understood is answered with an error, and the socket stays open', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  const garbage = ['', 'hello', '[]', 'null', '5', '{}', '{"event":1}', '{"event":"x","data":[]}']

  for (const [index, text] of garbage.entries()) {
    socket.send(text)
    const data = await socket.event('error', index + 1)
    expect(data).toEqual({ reason: expect.stringContaining('Send a JSON object') })
  }
  socket.send({ event: 'chat:nonsense' })
  await socket.event('error', garbage.length + 1)

  expect(socket.frames.at(-1)).toEqual({
    event: 'error',
    message: 'Invalid message format',
    data: { reason: 'No client event is called "chat:nonsense"' },
  })
  await socket.settled()
})

test('a binary frame is read as if it were text', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  socket.socket.send(Buffer.from('{"event":"ping"}'))
  await socket.event('pong')
  socket.socket.send(Buffer.from([0, 1, 0xff, 0xfe]))
  await socket.event('error')
  await socket.settled()
})

test('a frame of the largest size is read, and one byte more closes with 1009', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  const frame = (bytes: number) => '{"event":"ping"}'.padEnd(bytes)

  expect(limits.frameBytes.max).toBe(4_096)
  socket.send(frame(limits.frameBytes.max))
  await socket.event('pong')
  socket.send(frame(limits.frameBytes.max + 1))

  expect((await socket.whenClosed()).code).toBe(1009)
})

test('a frame may come in pieces, and all of them together count', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const client = await connect(url, 1)
  client.socket.send('{"event":', { fin: false })
  client.socket.send('"ping"}', { fin: true })
  await client.event('pong')

  client.socket.send('x'.repeat(limits.frameBytes.max), { fin: false })
  client.socket.send('x', { fin: true })
  expect((await client.whenClosed()).code).toBe(1009)
})

test('SIGTERM closes every socket with 1001 and exits with 0', async () => {
  const { program, url } = await processes.startDaemon(temporaryFolder())
  const sockets = await Promise.all([1, 1, 2].map((userId) => connect(url, userId)))

  expect(await program.stop('SIGTERM')).toBe(0)

  for (const socket of sockets) {
    expect(await socket.whenClosed()).toEqual({
      code: 1001,
      reason: 'Server is stopping; reconnect in a few seconds',
    })
  }
})

test('a restart closes every socket with 1012', async () => {
  const { program, url } = await processes.startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  expect(await program.stop('SIGUSR2')).toBe(0)
  expect((await socket.whenClosed()).code).toBe(1012)
})

/** A client that opens a WebSocket by hand and then reads nothing at all. */
async function connectWithoutReading(url: string, userId: number): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connectTcp(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET /?user_id=${userId} HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  await new Promise((resolve) => socket.once('readable', resolve))
  return socket
}

test.runIf(ON_SQLITE)(
  'a client that does not read is cut off, and the others lose nothing',
  async () => {
    const folder = temporaryFolder()
    const { url } = await startDaemon(folder)
    const database = new Sqlite(environment(folder).CHAT_DATABASE)
    const online = database.prepare('SELECT count(*) FROM connections WHERE user_id = 1').pluck()
    const stuck = await connectWithoutReading(url, 1)
    const reader = await connect(url, 1)
    await waitFor(() => online.get() === 2, 'both to be connected')

    const events = 400
    const inOneGo = 20
    const insert = database.prepare(
      "INSERT INTO pending_events (event, user_id, data) VALUES ('bulk', 1, ?)",
    )
    const data = JSON.stringify({ pad: 'x'.repeat(50_000) })
    for (let count = 1; count <= events; count += 1) {
      insert.run(data)
      if (count % inOneGo === 0) await reader.event('bulk', count)
    }

    await waitFor(() => online.get() === 1, 'the stuck one to be gone')
    await reader.settled()
    expect(reader.all('bulk')).toHaveLength(events)
    expect(stuck.bytesRead).toBeLessThan(events * data.length)
    database.close()
  },
)

test('clients that read nothing, or have not finished asking, do not keep it from stopping', async () => {
  const { program, url } = await processes.startDaemon(temporaryFolder())
  await connectWithoutReading(url, 1)
  const { hostname, port } = new URL(url)
  const halfway = connectTcp(Number(port), hostname)
  onTestFinished(() => void halfway.destroy())
  halfway.on('error', () => {})
  await new Promise((resolve) => halfway.write('GET /?user_id=2 HTTP/1.1\r\n', resolve))
  const reader = await connect(url, 3)

  expect(await program.stop()).toBe(0)

  expect((await reader.whenClosed()).code).toBe(1001)
  expect(program.output).not.toContain('exiting anyway')
})
