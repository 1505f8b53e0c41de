import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { checkEvents } from '../../src/cli/checks/services.ts'
import { EVENT_WAIT_SECONDS_MAX } from '../../src/thresholds.ts'
import { sendText } from '../support/clients.ts'
import { doctorOutput, runDoctor, withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/processes.ts'
import { environment } from '../support/running-program.ts'

const OLD_EVENT = `
  INSERT INTO pending_events (event, data, created_at)
  VALUES ('shop:sale', '{}', datetime('now', '-2 minutes'));
`

function databaseOf(folder: string): string {
  return environment(folder).CHAT_DATABASE as string
}

function portOf(url: string): string {
  return new URL(url).port
}

test('a chat that is well gets ok in every line, and exit code 0', async () => {
  const { folder, api, daemon } = await startChat()
  await sendText(api.url, 1, 2, 'Hello')
  const ports = { CHAT_API_PORT: portOf(api.url), CHAT_WS_PORT: portOf(daemon.url) }
  const settings = { ...ports, CHAT_MAX_CONNECTIONS: '10' }

  const [{ code, healthy, checks }, text] = await Promise.all([
    runDoctor(folder, settings),
    doctorOutput(folder, settings),
  ])

  expect(checks.filter(({ level }) => level !== 'ok')).toEqual([])
  expect({ code, healthy }).toEqual({ code: 0, healthy: true })
  const machine = ['uploads', 'bucket', 'open files', 'TLS']
  const names = ['database', 'write-ahead log', 'file rights', ...machine]
  const live = ['chat-websocket', 'chat-api', 'pending events', 'webhooks', 'sockets']
  expect(checks.map(({ check }) => check)).toEqual([...names, ...live])
  const listens = `listens on ${daemon.url} (pid ${daemon.program.pid}), its last good poll was`
  expect(checks[7]?.message).toContain(listens)
  expect(checks[8]?.message).toBe(`answers at ${api.url}/health`)
  expect(text.code).toBe(0)
  expect(text.output.trimEnd().split('\n')).toHaveLength(checks.length)
  expect(text.output).toMatch(/^ok {2}chat-websocket {3}listens on ws:/m)
})

test('a port that another program holds is an error that says how to see by which', async () => {
  const stranger = createTcpServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  onTestFinished(() => void stranger.close())
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo

  const { code, found } = await runDoctor(temporaryFolder(), {
    CHAT_WS_PORT: `${port}`,
    CHAT_API_PORT: `${port}`,
  })

  expect(code).toBe(1)
  const look = `sudo ss -ltnp "sport = :${port}"`
  expect(found('chat-websocket')).toEqual({
    check: 'chat-websocket',
    level: 'error',
    message:
      `is not running, and cannot be started. Port ${port} on 127.0.0.1 is already in use by ` +
      `another program. See which: ${look}; or choose another: CHAT_WS_PORT.`,
  })
  expect(found('chat-api')).toMatchObject({
    level: 'error',
    message: expect.stringContaining(`who holds the port: ${look}`),
  })
})

test("an address that is not this machine's is an error", async () => {
  const settings = {
    CHAT_HOST: '192.0.2.1',
    CHAT_AUTH: 'none',
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
    CHAT_WS_PORT: '8089',
  }
  const { code, found } = await runDoctor(temporaryFolder(), settings)
  expect(code).toBe(1)
  expect(found('chat-websocket')).toMatchObject({
    level: 'error',
    message: expect.stringContaining('192.0.2.1 is no address of this machine. Change CHAT_HOST'),
  })
})

test('a daemon on another port than clients are told is a warning', async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const { found } = await runDoctor(folder, { CHAT_WS_PORT: '1' })
  expect(found('chat-websocket')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining(`listens on ${daemon.url}, not on 1.`),
  })
})

test('a daemon that serves another database than this one is a warning', async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const elsewhere = await runDoctor(folder, { CHAT_DATABASE: databaseOf(temporaryFolder()) })
  expect(elsewhere.found('chat-websocket')).toMatchObject({
    level: 'warning',
    message: `runs (pid ${daemon.program.pid}), but not on a database that can be read here`,
  })
})

test('a daemon that lives but does not poll is an error, and so are events that wait for it', async () => {
  const { folder, api, daemon } = await startChat()
  const settings = { CHAT_WS_PORT: portOf(daemon.url), CHAT_API_PORT: portOf(api.url) }
  daemon.program.process.kill('SIGSTOP')
  withDatabase(databaseOf(folder), (database) => {
    database.exec(`UPDATE daemons SET polled_at = datetime('now', '-1 minute'); ${OLD_EVENT}`)
  })
  const hanging = await runDoctor(folder, settings)
  expect(hanging.code).toBe(1)
  expect(hanging.found('chat-websocket')).toMatchObject({
    level: 'error',
    message: expect.stringMatching(/^runs \(pid \d+\), but its last good poll was \d+ s ago/),
  })
  expect(hanging.found('pending events')).toMatchObject({
    level: 'error',
    message: expect.stringContaining('Do: chat-websocket restart'),
  })

  await daemon.program.kill()
  const dead = await runDoctor(folder, settings)
  expect(dead.code).toBe(1)
  expect(dead.found('chat-websocket')).toMatchObject({
    level: 'warning',
    message: 'is not running. Start it: chat-websocket start -d',
  })
  expect(dead.found('pending events')?.message).toContain('Do: chat-websocket start -d')
})

test('what a new daemon holds for clients on their way back does not count as waiting', async () => {
  const folder = temporaryFolder()
  const first = await startDaemon(folder)
  await first.program.kill()
  withDatabase(databaseOf(folder), (database) => database.exec(OLD_EVENT))
  expect((await runDoctor(folder)).found('pending events')?.level).toBe('error')

  await startDaemon(folder)

  expect((await runDoctor(folder)).found('pending events')?.message).toBe('none waits')
})

test('an event may wait for 60 s, and no longer', () => {
  expect(checkEvents(EVENT_WAIT_SECONDS_MAX, 'running').level).toBe('ok')
  expect(checkEvents(EVENT_WAIT_SECONDS_MAX + 1, 'running').level).toBe('error')
  expect(EVENT_WAIT_SECONDS_MAX).toBe(60)
})

test('an API that hangs is an error, and one that does not run a warning', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const settings = { CHAT_API_PORT: portOf(api.url) }
  api.program.process.kill('SIGSTOP')
  const hanging = await runDoctor(folder, settings)
  expect(hanging.code).toBe(1)
  expect(hanging.found('chat-api')?.message).toContain('no answer (ETIMEDOUT)')

  await api.program.kill()
  const stopped = await runDoctor(folder, settings)
  expect(stopped.code).toBe(0)
  expect(stopped.found('chat-api')).toMatchObject({
    level: 'warning',
    message: 'is not running. Start it: chat-api start -d',
  })
})

test('what answers in place of the API is an error', async () => {
  const server = createServer((_request, response) => response.end('{}'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo

  const { code, found } = await runDoctor(temporaryFolder(), { CHAT_API_PORT: String(port) })

  expect(code).toBe(1)
  expect(found('chat-api')?.message).toContain('is not chat-api')
})

test('an API that works on another database, or cannot read it, is an error', async () => {
  const [{ api, folder }, { folder: otherFolder }] = await Promise.all([startChat(), startChat()])
  const settings = { CHAT_API_PORT: portOf(api.url) }
  const elsewhere = await runDoctor(otherFolder, settings)
  expect(elsewhere.code).toBe(1)
  expect(elsewhere.found('chat-api')?.message).toContain('works on another database')

  withDatabase(databaseOf(folder), (database) => {
    database.exec('ALTER TABLE daemons RENAME TO hidden')
  })
  const unreadable = await runDoctor(otherFolder, settings)
  expect(unreadable.code).toBe(1)
  expect(unreadable.found('chat-api')?.message).toContain('The database cannot be read')
})

test('a limit of open files below the sockets there may be is a warning', async () => {
  const folder = temporaryFolder()
  const settings = { CHAT_MAX_CONNECTIONS: '200' }
  const [enough, tooFew] = await Promise.all(
    [300, 299].map((limit) => runDoctor(folder, settings, ['prlimit', `--nofile=${limit}`])),
  )
  expect(enough?.found('open files')).toMatchObject({ level: 'ok' })
  expect(tooFew?.found('open files')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining('Raise it to 300'),
  })
})
