import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { daemonStatus } from '../../src/chat/daemon-status.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { POLL_STALE_MS, RECORDED_POLL_STALE_SECONDS } from '../../src/thresholds.ts'
import { health } from '../../src/websocket/health.ts'
import { startWebApplication } from '../support/auth.ts'
import { get } from '../support/clients.ts'
import { runDoctor } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import { CHAT_OPTIONS } from '../support/open-chat.ts'
import { environment } from '../support/running-program.ts'

test('a poll is old after 5 s, and not before', () => {
  expect(health(POLL_STALE_MS, undefined).status).toBe(200)
  expect(health(POLL_STALE_MS + 1, undefined).status).toBe(503)
  expect(health(undefined, undefined).status).toBe(503)
  expect(POLL_STALE_MS).toBe(5_000)
})

test('the health of the daemon is told by GET and HEAD only', async () => {
  const { url } = await startDaemon(temporaryFolder())
  for (const path of ['/health', '/metrics']) {
    const at = url.replace('ws:', 'http:') + path
    expect((await fetch(at, { method: 'HEAD' })).status).toBe(200)
    const refused = await fetch(at, { method: 'POST', body: 'x' })
    expect(refused.status).toBe(405)
    expect(refused.headers.get('allow')).toBe('GET, HEAD')
  }
})

test('a daemon is unhealthy 10 s after its last good poll, and not before', async () => {
  const time = { ms: Date.parse('2026-01-23T20:30:45.900Z') }
  const database = await openDatabase(join(temporaryFolder(), 'chat.db'), { durable: false })
  onTestFinished(() => database.close())
  const chat = new SqliteStore(database, {
    ...CHAT_OPTIONS,
    now: () => new Date(time.ms),
  })
  const address = 'ws://127.0.0.1:8089'
  await chat.daemons.register({ hostname: 'here', pid: process.pid, address })

  time.ms += RECORDED_POLL_STALE_SECONDS * 1000
  expect((await daemonStatus(chat, 'here')).state).toBe('running')
  time.ms += 1000
  expect((await daemonStatus(chat, 'here')).state).toBe('unhealthy')
  expect(RECORDED_POLL_STALE_SECONDS).toBe(10)
})

test('the API is 503 when it cannot read its database', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  expect((await get(`${api.url}/health`)).status).toBe(200)
  const database = new Sqlite(environment(folder).CHAT_DATABASE)
  database.exec('ALTER TABLE daemons RENAME TO hidden_daemons')
  database.close()

  const { status, headers, body } = await get(`${api.url}/health`)

  expect(status).toBe(503)
  expect(headers.get('retry-after')).toBe('5')
  expect(body).toEqual({ status: 'error', message: 'The database cannot be read' })
})

const METRICS_SECRET = 'metrics-secret-0123456789-abcdefghijkl'
const BY_PROXY = { 'x-forwarded-for': '203.0.113.7' }
const WITH_SECRET = { ...BY_PROXY, authorization: `Bearer ${METRICS_SECRET}` }

test('strangers are told that both do well, and neither pids nor how many are online', async () => {
  const { api, daemon } = await startChat({ CHAT_METRICS_SECRET: METRICS_SECRET })
  const ask = async (url: string, headers: Record<string, string>) => {
    const { status, body } = await get(`${url.replace('ws:', 'http:')}/health`, headers)
    expect(status).toBe(200)
    return body.data
  }

  const daemon_polled_at = expect.stringMatching(/^\d{4}-\d\d-\d\d /)
  const poll_age_ms = expect.any(Number)
  for (const headers of [BY_PROXY, { ...BY_PROXY, authorization: 'Bearer x' }]) {
    const told = { service: 'chat-api', daemon: 'running', daemon_polled_at }
    expect(await ask(api.url, headers)).toEqual(told)
    expect(await ask(daemon.url, headers)).toEqual({ service: 'chat-websocket', poll_age_ms })
  }
  expect(await ask(api.url, WITH_SECRET)).toMatchObject({
    pid: api.program.pid,
    daemon_pid: daemon.program.pid,
    connected_users: 0,
    daemons: [{ state: 'running', pid: daemon.program.pid, address: daemon.url }],
  })
  expect(await ask(daemon.url, WITH_SECRET)).toMatchObject({ pid: daemon.program.pid })
})

test('doctor names the secret when it is set, so that it is told what operators are told', async () => {
  const asked: (string | undefined)[] = []
  const url = await startWebApplication((request, response) => {
    asked.push(request.headers.authorization)
    response.end(JSON.stringify({ message: 'OK', data: { service: 'chat-api' } }))
  })
  const settings = { CHAT_API_PORT: new URL(url).port }

  await runDoctor(temporaryFolder(), settings)
  await runDoctor(temporaryFolder(), { ...settings, CHAT_METRICS_SECRET: METRICS_SECRET })

  expect(asked).toEqual([undefined, `Bearer ${METRICS_SECRET}`])
})
