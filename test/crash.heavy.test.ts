import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { processStartedAt } from '../src/sqlite/process-identity.ts'
import { connect, get, post, sendText } from './support/clients.ts'
import { temporaryFolder } from './support/folders.ts'
import { runProgram, startApi, startChat, startDaemon } from './support/processes.ts'
import { environment } from './support/running-program.ts'
import { waitFor } from './support/wait.ts'

function openTables(folder: string) {
  return new Sqlite(environment(folder).CHAT_DATABASE as string)
}

test('kill -9 of the daemon between two sends loses nothing that was acknowledged', async () => {
  const { folder, api, daemon } = await startChat()
  const before = await connect(daemon.url, 2)
  const first = await sendText(api.url, 1, 2, 'before the crash')
  await before.event('chat:message')
  const database = openTables(folder)
  const pending = database.prepare('SELECT count(*) FROM pending_events').pluck()
  await waitFor(() => pending.get() === 0, 'the first event to be deleted')

  await daemon.program.kill()
  const second = await sendText(api.url, 1, 2, 'while it is down')
  const { body } = await get(`${api.url}/get_conversation_messages.php?user_id=2&other_user_id=1`)
  expect(body.data.messages).toEqual([first, second])

  const successor = await startDaemon(folder)
  const third = await sendText(api.url, 1, 2, 'before the client is back')
  const phone = await connect(successor.url, 2)
  await phone.event('chat:message', 2)
  const fourth = await sendText(api.url, 1, 2, 'live again')
  await phone.event('chat:message', 3)
  const tablet = await connect(successor.url, 2)
  await tablet.event('chat:message', 3)

  await phone.settled()
  await tablet.settled()
  expect(phone.all('chat:message')).toEqual([second, third, fourth])
  expect(tablet.all('chat:message')).toEqual([second, third, fourth])
  database.close()
})

test('what a user was told before they left again is not told again', async () => {
  const { api, daemon, folder } = await startChat()
  await daemon.program.kill()
  await sendText(api.url, 1, 2, 'pending')
  const successor = await startDaemon(folder)
  const first = await connect(successor.url, 2)
  await first.event('chat:message')
  await first.close()
  // The daemon learns of the close a moment later than we do.
  const database = openTables(folder)
  const seen = database.prepare('SELECT last_seen_at FROM users WHERE user_id = 2').pluck()
  await waitFor(() => seen.get() !== null, 'the user to be offline')

  const second = await connect(successor.url, 2)
  await second.settled()

  expect(second.all('chat:message')).toEqual([])
  database.close()
})

test('typing is never told late', async () => {
  const { api, daemon, folder } = await startChat()
  await daemon.program.kill()
  const typing = { event: 'chat:typing', user_id: 2, data: { sender_id: 1, is_typing: true } }
  expect((await post(`${api.url}/chat_websocket_broadcast.php`, typing)).status).toBe(200)
  await sendText(api.url, 1, 2, 'said')

  const successor = await startDaemon(folder)
  const socket = await connect(successor.url, 2)
  await socket.event('chat:message')
  await socket.settled()

  expect(socket.all('chat:typing')).toEqual([])
})

test('kill -9 of the API in a burst keeps what it acknowledged, and each message has its event', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const acknowledged: number[] = []
  const send = async () => {
    for (;;) acknowledged.push((await sendText(api.url, 1, 2, 'burst')).message_id)
  }
  const senders = Array.from({ length: 16 }, () => send().catch(() => {}))
  await waitFor(() => acknowledged.length > 200, '200 answers')
  await api.program.kill()
  await Promise.all(senders)

  const database = openTables(folder)
  const stored = database.prepare('SELECT message_id FROM messages ORDER BY 1').pluck().all()
  const announced = database
    .prepare("SELECT data ->> 'message_id' FROM pending_events ORDER BY event_id")
    .pluck()
    .all()
  expect(stored).toEqual(announced)
  expect(stored).toEqual(expect.arrayContaining(acknowledged))
  expect(database.pragma('integrity_check', { simple: true })).toBe('ok')
  database.close()
})

test('a second daemon on the same database refuses in one line and names the first', async () => {
  const folder = temporaryFolder()
  const first = await startDaemon(folder)
  const samePort = new URL(first.url).port

  for (const CHAT_WS_PORT of ['0', samePort]) {
    const second = await runProgram('chat-websocket', ['start'], folder, { CHAT_WS_PORT })

    expect(second.code).toBe(1)
    expect(new Set(second.output.trim().split('\n'))).toEqual(
      new Set([
        'Starting Chat WebSocket Server...',
        'Database connection established',
        `chat-websocket: Another chat-websocket (pid ${first.program.pid}) serves this database. ` +
          'Stop it first: chat-websocket stop',
      ]),
    )
  }
  await connect(first.url, 1)
  expect(await first.program.stop()).toBe(0)
})

test('a daemon that was killed is succeeded at once', async () => {
  const folder = temporaryFolder()
  const first = await startDaemon(folder)
  await first.program.kill()

  const second = await startDaemon(folder)

  await connect(second.url, 1)
})

interface Lease {
  hostname: string
  pid: number
  processStartedAt: string
  heartbeatAt: string
}

/** A database on which somebody else holds the lease. */
async function folderWithLease(lease: Lease): Promise<string> {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  await daemon.program.stop()
  const database = openTables(folder)
  insertLease(database, lease)
  database.close()
  return folder
}

function insertLease(database: Sqlite.Database, lease: Lease): void {
  database
    .prepare(`
      INSERT INTO daemons (hostname, pid, process_started_at, address, started_at, heartbeat_at, polled_at)
      VALUES (@hostname, @pid, @processStartedAt, 'ws://elsewhere', @heartbeatAt, @heartbeatAt, @heartbeatAt)
    `)
    .run(lease)
}

const now = () => new Date().toISOString().slice(0, 19).replace('T', ' ')

test('a stranger who was given the pid of a dead daemon is not taken for it', async () => {
  const stranger = spawn('sleep', ['60'])
  await once(stranger, 'spawn')
  const folder = await folderWithLease({
    hostname: hostname(),
    pid: stranger.pid as number,
    processStartedAt: 'before',
    heartbeatAt: now(),
  })

  const daemon = await startDaemon(folder)

  await connect(daemon.url, 1)
  stranger.kill()
})

test('the lease of another machine is respected while its heartbeat is fresh', async () => {
  const elsewhere = { hostname: 'elsewhere', pid: 1, processStartedAt: 'x' }
  const fresh = await folderWithLease({ ...elsewhere, heartbeatAt: now() })
  const stale = await folderWithLease({ ...elsewhere, heartbeatAt: '2026-01-01 00:00:00' })

  const refused = await runProgram('chat-websocket', ['start'], fresh)
  const daemon = await startDaemon(stale)

  expect(refused.code).toBe(1)
  expect(refused.output).toContain('(pid 1 on elsewhere)')
  await connect(daemon.url, 1)
})

test('a daemon whose place another one has taken stops by itself', async () => {
  const folder = temporaryFolder()
  const daemon = await startDaemon(folder)
  const socket = await connect(daemon.url, 1)
  const database = openTables(folder)
  database.pragma('foreign_keys = ON')
  // This process, which lives.
  const processStart = processStartedAt(process.pid) as string
  const other = { hostname: hostname(), pid: process.pid, processStartedAt: processStart }
  database.transaction(() => {
    database.exec('DELETE FROM daemons')
    insertLease(database, { ...other, heartbeatAt: now() })
  })()
  database.close()

  expect((await socket.whenClosed()).code).toBe(1001)
  expect(await daemon.program.exit()).toBe(0)
  expect(daemon.program.output).toContain('Another chat-websocket has taken over this database')
})
