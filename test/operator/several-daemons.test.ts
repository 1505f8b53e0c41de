import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { daemonStatus } from '../../src/chat/daemon-status.ts'
import type { Daemon } from '../../src/chat/model.ts'
import { checkDaemons } from '../../src/cli/checks/services.ts'
import { describeDaemons } from '../../src/cli/describe-daemons.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Endpoint } from '../../src/http/endpoint.ts'
import { health } from '../../src/http/endpoints/health.ts'
import { status } from '../../src/http/endpoints/status.ts'
import { pagesFolder } from '../../src/http/static.ts'
import { websocketUrls } from '../../src/http/websocket-url.ts'
import { daemonRow, listDaemons, TIME } from '../support/daemons.ts'
import { openChat } from '../support/open-chat.ts'

const SECRET = 'metrics-secret-0123456789-abcdefghijkl'

/** The oldest is of another machine. */
const ELSEWHERE = daemonRow({ daemonId: 1 })
const HERE = daemonRow({
  daemonId: 2,
  hostname: hostname(),
  pid: process.pid,
  // A port at which nothing listens.
  address: 'ws://127.0.0.1:1',
})
const UNHEALTHY = daemonRow({ daemonId: 3, pid: 103, polledAt: '2026-01-23 20:30:25' })

async function openChatOf(...daemons: Daemon[]) {
  const { chat } = await openChat({ now: () => TIME })
  return listDaemons(chat, daemons)
}

function requestWith(headers: Record<string, string>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers })
}

/** The `data` of an endpoint for operators. */
async function dataOf({ handle }: Endpoint, daemons: Daemon[], secret = SECRET) {
  const context = {
    chat: await openChatOf(...daemons),
    problem: () => undefined,
    request: requestWith({ authorization: `Bearer ${secret}` }),
    metricsSecret: SECRET,
    metrics: { sendSeconds: { count: 0, sum: 0 }, gauges: { walBytes: () => 0 } },
  }
  const answer = await handle(context as unknown as Parameters<Endpoint['handle']>[0])
  return (answer as { data: Record<string, unknown> }).data
}

/** What operators see of ELSEWHERE. */
const ELSEWHERE_JSON = {
  state: 'running',
  hostname: 'web1',
  pid: 101,
  address: 'ws://192.0.2.1:8089',
  started_at: '2026-01-23 20:00:00',
  polled_at: '2026-01-23 20:30:45',
  poll_age_seconds: 0,
  poll_ms: 1.5,
  lag_seconds: 0,
  delivered_count: 7,
}

test('health has the state of all daemons, and for operators each of them', async () => {
  const data = await dataOf(health, [ELSEWHERE, UNHEALTHY])
  expect(data).toMatchObject({
    daemon: 'unhealthy',
    daemon_polled_at: '2026-01-23 20:30:45',
    daemon_pid: 101,
  })
  expect(data.daemons).toEqual([
    ELSEWHERE_JSON,
    expect.objectContaining({ state: 'unhealthy', pid: 103, poll_age_seconds: 20 }),
  ])
  expect(Object.keys(await dataOf(health, [ELSEWHERE], 'guessed'))).toEqual([
    'service',
    'daemon',
    'daemon_polled_at',
  ])
})

test('status.json has the oldest daemon with the state of all, and each of them', async () => {
  const data = await dataOf(status, [ELSEWHERE, UNHEALTHY])
  expect(data.daemon).toEqual({ ...ELSEWHERE_JSON, state: 'unhealthy' })
  expect(data.daemons).toMatchObject([{ pid: 101 }, { pid: 103 }])

  const none = await dataOf(status, [])
  expect(none.daemons).toEqual([])
  expect(none.daemon).toEqual({
    state: 'stopped',
    pid: null,
    address: null,
    started_at: null,
    poll_age_seconds: null,
    poll_ms: null,
    delivered_count: null,
  })
})

test('doctor has a line for each daemon that lives, and compares the port of those here', async () => {
  const config = readConfig({ CHAT_WS_PORT: '8090' })
  const check = async (...daemons: Daemon[]) =>
    checkDaemons(config, await daemonStatus(await openChatOf(...daemons), hostname()), process.pid)
  expect(await check(ELSEWHERE, HERE, UNHEALTHY)).toMatchObject([
    {
      level: 'ok',
      message: 'listens on ws://192.0.2.1:8089 (pid 101 on web1), its last good poll was 0 s ago',
    },
    { level: 'warning', message: expect.stringContaining('ws://127.0.0.1:1, not on 8090') },
    { level: 'error', message: expect.stringContaining('runs (pid 103 on web1), but its last') },
  ])
  expect(await check(ELSEWHERE)).toMatchObject([
    { level: 'ok' },
    { level: 'warning', message: expect.stringContaining('but not on a database that') },
  ])
})

test('status describes the daemon of the pid file, and has a line for each other', async () => {
  const chat = await openChatOf(ELSEWHERE, HERE)
  const other = 'on web1, ws://192.0.2.1:8089, polled at 2026-01-23 20:30:45'
  expect(await describeDaemons(chat, process.pid)).toEqual({
    health: 'no answer (ECONNREFUSED)',
    address: HERE.address,
    connections: 0,
    started_at: '2026-01-23 20:00:00',
    heartbeat_at: '2026-01-23 20:30:45',
    polled_at: '2026-01-23 20:30:45',
    daemon_1: other,
  })
  expect(await describeDaemons(await openChatOf(ELSEWHERE), process.pid)).toEqual({
    daemon_1: other,
  })
})

test('pages connect to the daemon of this machine, and may connect to each', async () => {
  const chat = await openChatOf(ELSEWHERE, HERE, UNHEALTHY)
  const request = requestWith({ host: 'shop.example:8080' })
  const urls = await websocketUrls(chat, request, { publicWsUrl: '', wsPort: 8089 })
  expect(urls).toEqual(['ws://shop.example:1', 'ws://shop.example:8089'])

  const response = new ServerResponse(request)
  pagesFolder('', urls).headers(response, '')
  expect(response.getHeader('Content-Security-Policy')).toContain(
    "; connect-src 'self' blob: ws://shop.example:1 ws://shop.example:8089; ",
  )
})
