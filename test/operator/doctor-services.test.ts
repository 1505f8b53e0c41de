import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readPidFile } from '../../src/cli/background.ts'
import { judgeEvents, WAITED_SECONDS_MAX } from '../../src/cli/checks/daemon.ts'
import { sendText } from '../support/clients.ts'
import { doctorOutput, runDoctor, withDatabase } from '../support/doctor.ts'
import { startApi, startChat, startDaemon, temporaryFolder } from '../support/processes.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

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
  const origins = { CHAT_ALLOWED_ORIGINS: api.url }
  const settings = { ...ports, ...origins, CHAT_MAX_CONNECTIONS: '10' }

  const [{ code, healthy, checks }, text] = await Promise.all([
    runDoctor(folder, settings),
    doctorOutput(folder, settings),
  ])

  expect(checks.filter(({ level }) => level !== 'ok')).toEqual([])
  expect({ code, healthy }).toEqual({ code: 0, healthy: true })
  const messages = checks.map(({ check, message }) => `${check}: ${message}`)
  expect(messages).toContain(
    `API port: ${ports.CHAT_API_PORT} is held by chat-api (pid ${api.program.pid})`,
  )
  expect(messages).toContain(
    `WebSocket port: ${ports.CHAT_WS_PORT} is held by chat-websocket (pid ${daemon.program.pid})`,
  )
  expect(text.code).toBe(0)
  expect(text.output.trimEnd().split('\n')).toHaveLength(checks.length)
  expect(text.output).toMatch(/^ok {7}WebSocket port {3}\d+ is held by chat-websocket/m)
})

test('a port that another program holds is an error that names its pid and command', async () => {
  const script = `require('net').createServer().listen(0, '127.0.0.1', function () {
    console.log(this.address().port)
  })`
  const stranger = spawn(process.execPath, ['-e', script])
  onTestFinished(() => void stranger.kill())
  const [printed] = await once(stranger.stdout, 'data')
  const port = String(printed).trim()

  const { code, found } = await runDoctor(temporaryFolder(), {
    CHAT_WS_PORT: port,
    CHAT_API_PORT: port,
  })

  expect(code).toBe(1)
  const who = `${port} is held by another program (pid ${stranger.pid}: ${process.execPath} -e`
  for (const check of ['WebSocket port', 'API port']) {
    expect(found(check)).toMatchObject({
      level: 'error',
      message: expect.stringContaining(who),
    })
  }
  expect(found('WebSocket port')?.message).toContain('choose another: CHAT_WS_PORT')
  expect(found('API port')?.message).toContain('choose another: CHAT_API_PORT')
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
  expect(found('WebSocket port')).toMatchObject({
    level: 'error',
    message: '192.0.2.1 is no address of this machine. Change CHAT_HOST',
  })
})

test('a daemon on another port than clients are told is a warning', async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const { found } = await runDoctor(folder, { CHAT_WS_PORT: '1' })
  expect(found('WebSocket port')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining(`listens on ${daemon.url}, not on 1.`),
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
  expect(hanging.found('WebSocket port')?.level).toBe('ok')

  await daemon.program.kill()
  const dead = await runDoctor(folder, settings)
  expect(dead.code).toBe(1)
  expect(dead.found('chat-websocket')).toMatchObject({ level: 'warning' })
  expect(dead.found('pending events')?.message).toContain('Do: chat-websocket start -d')
  expect(dead.found('WebSocket port')?.message).toBe(
    `${settings.CHAT_WS_PORT} is free: chat-websocket can take it`,
  )
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
  expect(judgeEvents(WAITED_SECONDS_MAX, 'running').level).toBe('ok')
  expect(judgeEvents(WAITED_SECONDS_MAX + 1, 'running').level).toBe('error')
  expect(WAITED_SECONDS_MAX).toBe(60)
})

test('an API that hangs is an error, and one that does not run a warning', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const settings = { CHAT_API_PORT: portOf(api.url) }
  // It is known by its pid file, the last thing that it does when it starts.
  await waitFor(() => readPidFile(join(folder, 'chat-api.pid')) !== undefined, 'the pid file')
  api.program.process.kill('SIGSTOP')
  const hanging = await runDoctor(folder, settings)
  expect(hanging.code).toBe(1)
  expect(hanging.found('chat-api')?.message).toContain('does not answer (ETIMEDOUT)')
  // Its port is still its own.
  expect(hanging.found('API port')).toMatchObject({ level: 'ok' })

  await api.program.kill()
  const stopped = await runDoctor(folder, settings)
  expect(stopped.code).toBe(0)
  expect(stopped.found('chat-api')).toMatchObject({ level: 'warning' })
  expect(stopped.found('API port')).toMatchObject({
    level: 'ok',
    message: `${settings.CHAT_API_PORT} is free: chat-api can take it`,
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
  expect(found('API port')?.level).toBe('error')
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
  expect(unreadable.found('chat-api')?.message).toContain(
    'answers 503: The database cannot be read',
  )
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

  // A daemon that runs has a limit of its own.
  const daemon = await startDaemon(folder)
  const prlimit = spawn('prlimit', [`--pid=${daemon.program.pid}`, '--nofile=250'])
  await once(prlimit, 'exit')
  expect((await runDoctor(folder, settings)).found('open files')?.message).toContain('limit 250')
})
