import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { temporaryFolder } from '../support/processes.ts'

/** Beyond what any system gives out as a pid. */
const DEAD_PID = 2 ** 30

test('a user of a daemon that died was last seen at its last heartbeat, or connecting after it', async () => {
  const database = await openDatabase(join(temporaryFolder(), 'chat.db'), { durable: false })
  onTestFinished(() => database.close())
  let now = '2026-01-23 20:30:00'
  const chat = new SqliteStore(database, {
    publicUrl: 'http://localhost',
    timezone: 'UTC',
    messageLengthMax: 100,
    echoesToSender: false,
    now: () => new Date(`${now.replace(' ', 'T')}Z`),
  })
  const holder = { hostname: 'here', pid: DEAD_PID, processStartedAt: '', address: '' }
  const connectAt = async (time: string, daemonId: number, userId: number) => {
    now = time
    await chat.users.saveProfile(userId, {})
    await chat.connections.add(daemonId, userId, '127.0.0.1')
  }

  const daemonId = await chat.daemons.acquire(holder)
  await connectAt('2026-01-23 20:30:01', daemonId, 1)
  await connectAt('2026-01-23 20:30:02', daemonId, 2)
  now = '2026-01-23 20:30:05'
  await chat.daemons.heartbeat(daemonId, new Date(0))
  await connectAt('2026-01-23 20:30:07', daemonId, 2)
  await connectAt('2026-01-23 20:30:08', daemonId, 3)
  await chat.users.saveProfile(4, {})
  now = '2026-01-23 20:59:59'
  await chat.daemons.acquire(holder)

  expect(await chat.connections.list()).toEqual([])
  const lastSeen = await Promise.all([1, 2, 3, 4].map((userId) => chat.users.lastSeenAt(userId)))
  expect(lastSeen).toEqual([
    '2026-01-23 20:30:05',
    '2026-01-23 20:30:07',
    '2026-01-23 20:30:08',
    undefined,
  ])
})
