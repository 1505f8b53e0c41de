import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Clock } from '../../src/chat/clock.ts'
import { processStartedAt } from '../../src/process-identity.ts'
import { HEARTBEAT_STALE_MS, SqliteDaemons } from '../../src/sqlite/daemons.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { temporaryFolder } from '../support/processes.ts'

const HERE = {
  hostname: 'here',
  pid: process.pid,
  processStartedAt: processStartedAt(process.pid) as string,
  address: 'ws://127.0.0.1:8089',
}
const ELSEWHERE = { ...HERE, hostname: 'elsewhere', pid: 1 }

/** The lease of an empty database, at a time that the test sets. */
async function setUp() {
  const database = await openDatabase(join(temporaryFolder(), 'chat.db'), { durable: false })
  onTestFinished(() => database.close())
  const time = { ms: Date.parse('2026-01-23T20:30:45Z') }
  const clock = new Clock('UTC', () => new Date(time.ms))
  return { daemons: new SqliteDaemons(database, clock), time }
}

test('another machine counts as alive for HEARTBEAT_STALE_MS after its heartbeat, no longer', async () => {
  const { daemons, time } = await setUp()
  const daemonId = await daemons.acquire(ELSEWHERE)
  time.ms += 10_000
  expect(await daemons.heartbeat(daemonId, new Date(time.ms))).toBe(true)

  time.ms += HEARTBEAT_STALE_MS - 1
  await expect(daemons.acquire(HERE)).rejects.toThrow('(pid 1 on elsewhere)')
  await expect(daemons.assertFree('here')).rejects.toThrow('(pid 1 on elsewhere)')
  expect((await daemons.find('here'))?.pid).toBe(1)

  time.ms += 1
  expect(await daemons.find('here')).toBeUndefined()
  await daemons.assertFree('here')
  await daemons.acquire(HERE)
  expect(await daemons.heartbeat(daemonId, new Date(time.ms))).toBe(false)
})

test('on its own machine a process that lives holds the lease, however old its heartbeat', async () => {
  const { daemons, time } = await setUp()
  await daemons.acquire(HERE)
  time.ms += 100 * HEARTBEAT_STALE_MS
  await expect(daemons.acquire(HERE)).rejects.toThrow(`(pid ${process.pid}) serves`)
})

test('a lease that was given back is free, and giving it back again takes nobody else’s', async () => {
  const { daemons } = await setUp()
  const first = await daemons.acquire(HERE)
  await daemons.release(first)
  const second = await daemons.acquire(ELSEWHERE)
  await daemons.release(first)
  expect((await daemons.find('here'))?.daemonId).toBe(second)
  expect(second).not.toBe(first)
})
