import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { connect, get, post, sendText, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const SECRET = 'a-metrics-secret-of-32-characters'

/** Waits until a series has this value; fails with what it had instead. */
async function waitForMetric(url: string, series: string, value: number): Promise<void> {
  let last: number | undefined
  const isThere = async () => {
    last = (await readMetrics(url))[series]
    return last === value
  }
  await waitFor(isThere, `${series} = ${value}`).catch((error) => {
    throw new Error(`${error.message}; it is ${last}`)
  })
}

test('the API counts messages by type, how long they took, and refusals by status', async () => {
  const { url } = await startApi(temporaryFolder())
  await sendText(url, 1, 2, 'one')
  const retried = { sender_id: 1, receiver_id: 2, message: 'two', client_message_id: 'a' }
  for (const _ of [1, 2]) await post(`${url}/send_chat_message.php`, retried)
  await post(`${url}/send_chat_message.php`, { sender_id: 1 })
  await fetch(`${url}/send_chat_message.php`)

  expect(await readMetrics(url)).toMatchObject({
    'chat_messages_total{type="text"}': 2,
    'chat_messages_total{type="image"}': 0,
    'chat_messages_total{type="voice"}': 0,
    // A retry is answered too, but stores nothing.
    chat_send_seconds_count: 3,
    'chat_send_seconds_bucket{le="+Inf"}': 3,
    'chat_refusals_total{reason="400"}': 1,
    'chat_refusals_total{reason="405"}': 1,
  })
})

test('the daemon tells who is connected and how many events reached somebody', async () => {
  const { api, daemon } = await startChat({ CHAT_PRESENCE: 'off' })
  const phone = await connect(daemon.url, 2)
  await connect(daemon.url, 2)
  const other = await connect(daemon.url, 3)
  await sendText(api.url, 1, 2, 'to two sockets')
  await sendText(api.url, 1, 9, 'to nobody')
  await sendText(api.url, 1, 3, 'to one')
  await other.event('chat:message')

  const metrics = await readMetrics(daemon.url)
  expect(metrics).toMatchObject({ chat_connections: 3, chat_users: 2 })
  expect(metrics).toMatchObject({ chat_events_delivered_total: 2, chat_event_lag_seconds: 0 })
  expect(metrics.chat_poll_seconds_count).toBeGreaterThan(0)
  expect(metrics.chat_poll_age_seconds).toBeLessThan(5)

  await phone.close()
  await waitForMetric(daemon.url, 'chat_connections', 2)
})

test('both tell the size of the write-ahead log as it is on the disk', async () => {
  const { folder, api, daemon } = await startChat()
  await sendText(api.url, 1, 2, 'Hello')
  const wal = `${environment(folder).CHAT_DATABASE}-wal`
  // The daemon writes its heartbeat meanwhile: as long as it takes to be read in between.
  for (const url of [api.url, daemon.url]) {
    await waitFor(async () => {
      const { chat_wal_bytes } = await readMetrics(url)
      return chat_wal_bytes === readFileSync(wal).length
    }, `the WAL's size at ${url}`)
  }
})

test('the lag grows while no daemon runs, or one that does not answer', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  expect(await readMetrics(api.url)).toMatchObject({ chat_event_lag_seconds: 0, chat_daemons: 0 })
  const database = new Sqlite(environment(folder).CHAT_DATABASE)
  const wait = "datetime('now', '-90 seconds')"
  database.exec(`
    INSERT INTO pending_events (event, data, created_at) VALUES ('shop:sale', '{}', ${wait})
  `)
  expect((await readMetrics(api.url)).chat_event_lag_seconds).toBeGreaterThanOrEqual(90)

  const daemon = await processes.startDaemon(folder)
  await waitForMetric(api.url, 'chat_event_lag_seconds', 0)
  await waitForMetric(api.url, 'chat_daemons', 1)

  daemon.program.process.kill('SIGSTOP')
  database.exec(`
    UPDATE daemons SET polled_at = ${wait};
    INSERT INTO pending_events (event, data, created_at) VALUES ('shop:sale', '{}', ${wait});
  `)
  const hanging = await readMetrics(api.url)
  expect(hanging.chat_event_lag_seconds).toBeGreaterThanOrEqual(90)
  expect(hanging.chat_daemons).toBe(0)
  database.close()
})

test('refused sockets are counted by the code that they were closed with', async () => {
  const { url } = await startDaemon(temporaryFolder(), {
    CHAT_MAX_CONNECTIONS_PER_USER: '1',
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
  })
  const first = await connect(url, 1)
  const headers = { Origin: 'https://evil.example' }
  await new TestSocket(`${url}/?user_id=1`).whenClosed()
  await new TestSocket(`${url}/?user_id=0`).whenClosed()
  await new TestSocket(`${url}/?user_id=2`, { headers }).whenClosed()
  const flooding = await connect(url, 3)
  for (let count = 0; count < 51; count += 1) flooding.send({ event: 'ping' })
  await flooding.whenClosed()
  const longWinded = await connect(url, 4)
  longWinded.send('x'.repeat(limits.frameBytes.max + 1))
  await longWinded.whenClosed()
  const choppy = await connect(url, 5)
  for (let sent = 0; sent <= limits.frameFragments.max; sent += 1) {
    choppy.socket.send('', { fin: false })
  }
  await choppy.whenClosed()
  await first.close()

  for (const code of [1008, 1009, 4400, 4403, 4409, 4429]) {
    await waitForMetric(url, `chat_refusals_total{reason="${code}"}`, 1)
  }
  // Whoever leaves by themselves is not refused.
  const refusals = Object.keys(await readMetrics(url)).filter((name) => name.includes('refusals'))
  expect(refusals).toHaveLength(6)
})

test('a socket that is refused before it is one counts as 429', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_CONNECT_RATE_LIMIT: '1' })
  const sockets = [1, 2, 3].map((userId) => new TestSocket(`${url}/?user_id=${userId}`))
  await Promise.all(sockets.map((socket) => waitFor(() => isDecided(socket), 'an answer')))
  const refused = sockets.filter((socket) => socket.frames.length === 0).length

  await waitForMetric(url, 'chat_refusals_total{reason="429"}', refused)
  expect(refused).toBeGreaterThan(0)
})

function isDecided(socket: TestSocket): boolean {
  return socket.frames.length > 0 || socket.closed !== undefined
}

test('a reader that does not keep up is counted as a slow consumer', async () => {
  const { folder, daemon } = await startChat()
  const slow = await connect(daemon.url, 2)
  slow.socket.pause()
  const database = new Sqlite(environment(folder).CHAT_DATABASE)
  const insert = database.prepare(
    "INSERT INTO pending_events (event, user_id, data) VALUES ('shop:catalogue', 2, ?)",
  )
  const data = JSON.stringify({ text: 'x'.repeat(1_000_000) })
  for (let count = 0; count < 24; count += 1) insert.run(data)
  database.close()

  await waitForMetric(daemon.url, 'chat_slow_consumers_closed_total', 1)
  slow.socket.resume()
})

/** GET with any headers: fetch sets Host and Origin itself. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url.replace('ws:', 'http:'), { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end()
  })
}

const ON_BEHALF = [
  { 'X-Forwarded-For': '203.0.113.1' },
  { Forwarded: 'for=203.0.113.1' },
  { Origin: 'https://evil.example' },
  // A page whose own name was made to mean 127.0.0.1.
  { Host: 'evil.example:8080' },
]

test('without a secret, only programs on this machine see the numbers', async () => {
  const { api, daemon } = await startChat()
  for (const url of [`${api.url}/metrics`, `${api.url}/status.json`, `${daemon.url}/metrics`]) {
    for (const host of ['localhost', '127.0.0.1:8080', '[::1]:8089']) {
      expect(await statusOf(url, { Host: host })).toBe(200)
    }
    for (const headers of ON_BEHALF) {
      expect(await statusOf(url, headers), JSON.stringify(headers)).toBe(403)
    }
  }
})

test('with a secret, only those who send it do, from this machine as well', async () => {
  const { api, daemon } = await startChat({ CHAT_METRICS_SECRET: SECRET })
  for (const url of [`${api.url}/metrics`, `${api.url}/status.json`, `${daemon.url}/metrics`]) {
    expect(await statusOf(url, {})).toBe(403)
    for (const headers of [{}, ...ON_BEHALF]) {
      const bearer = (secret: string) => ({ ...headers, Authorization: `Bearer ${secret}` })
      expect(await statusOf(url, bearer(SECRET))).toBe(200)
      expect(await statusOf(url, bearer(`${SECRET}!`))).toBe(403)
      expect(await statusOf(url, bearer(''))).toBe(403)
    }
  }
})

test('the daemon, too, lets an address guess the secret 60 times a minute', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_METRICS_SECRET: SECRET })
  const ask = (secret: string) => statusOf(`${url}/metrics`, { Authorization: `Bearer ${secret}` })
  for (let count = 1; count <= 60; count += 1) expect(await ask(`guess-${count}`)).toBe(403)
  expect(await ask('guess-61')).toBe(429)
  expect(await ask(SECRET)).toBe(200)
})

test('without a secret, nobody gets in with none', async () => {
  const { api, daemon } = await startChat()
  const headers = { 'X-Forwarded-For': '203.0.113.1', Authorization: 'Bearer ' }
  for (const url of [`${api.url}/metrics`, `${api.url}/status.json`, `${daemon.url}/metrics`]) {
    expect(await statusOf(url, headers)).toBe(403)
  }
})

test('the status of both processes is one JSON answer', async () => {
  const { api, daemon } = await startChat({ CHAT_PRESENCE: 'off' })
  const socket = await connect(daemon.url, 2)
  await sendText(api.url, 1, 2, 'Hello')
  await socket.event('chat:message')
  const read = async () => (await get(`${api.url}/status.json`)).body.data

  await waitFor(async () => (await read()).daemon.delivered_count === 1, 'the heartbeat')
  const status = await read()
  expect(status).toMatchObject({
    lag_seconds: expect.any(Number),
    connections: 1,
    users: 1,
    message_count: 1,
    event_count: 1,
    api: { pid: api.program.pid, send_count: 1 },
    daemon: {
      state: 'running',
      pid: daemon.program.pid,
      address: daemon.url,
      poll_ms: expect.any(Number),
      poll_age_seconds: expect.any(Number),
    },
  })
  expect(status.wal_bytes).toBeGreaterThan(0)
  expect(status.api.send_seconds).toBeGreaterThan(0)

  await daemon.program.stop()
  expect((await read()).daemon).toMatchObject({ state: 'stopped', pid: null, poll_ms: null })
})

test('the README lists every metric, and which of the two tells it', async () => {
  const { api, daemon } = await startChat()
  const documented: Record<string, string[]> = { daemon: [], API: [] }
  for (const line of README.split('\n').filter((one) =>
    /^\| (chat|process)_[a-z_, ]+ \|/.test(one),
  )) {
    const [, names = '', of = ''] = line.split('|').map((cell) => cell.trim())
    for (const who of of === 'both' ? ['daemon', 'API'] : [of]) {
      documented[who]?.push(...names.split(', '))
    }
  }
  const told = async (url: string) => {
    const text = await (await fetch(`${url.replace('ws:', 'http:')}/metrics`)).text()
    return [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1])
  }
  expect(documented.daemon?.toSorted()).toEqual((await told(daemon.url)).toSorted())
  expect(documented.API?.toSorted()).toEqual((await told(api.url)).toSorted())
})

/** What /metrics says, by series as it stands there: 'chat_refusals_total{reason="400"}'. */
async function readMetrics(url: string): Promise<Record<string, number>> {
  const response = await fetch(`${url.replace('ws:', 'http:')}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
  const lines = (await response.text()).split('\n').filter((line) => /^\w/.test(line))
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}
