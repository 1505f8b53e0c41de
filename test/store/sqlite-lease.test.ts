import { expect, test } from 'vitest'
import type { DaemonReport } from '../../src/chat/model.ts'
import { openSqlite } from './open-sqlite.ts'
import { HERE, TestTime } from './opened-store.ts'

/** Beyond what any system gives out as a pid. */
const DEAD = { ...HERE, pid: 2 ** 30 }
const ELSEWHERE = { ...HERE, hostname: 'elsewhere', pid: 1 }
/** After so long without a heartbeat a daemon of another machine is dead. */
const STALE_MS = 30_000

function reportOf(polledAt: Date): DaemonReport {
  return { position: 0, deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt }
}

async function setUp() {
  const time = new TestTime()
  return { time, ...(await openSqlite({ now: time.now })) }
}

test('a second daemon is refused while the first lives, and told which that is', async () => {
  const { api, daemon, time } = await setUp()
  const { daemonId } = await daemon.daemons.register(HERE)
  time.ms += 100 * STALE_MS
  const refused = { code: 'setup', message: expect.stringContaining(`(pid ${HERE.pid}) serves`) }
  await expect(api.daemons.register(HERE)).rejects.toMatchObject(refused)
  await expect(api.daemons.assertFree(HERE.hostname)).rejects.toMatchObject(refused)
  expect(await api.daemons.list(HERE.hostname)).toMatchObject([{ ...HERE, daemonId }])
  expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(true)
})

test('a daemon of another machine lives for a while after its heartbeat, no longer', async () => {
  const { api, daemon, time } = await setUp()
  const { daemonId } = await daemon.daemons.register(ELSEWHERE)
  time.ms += 10_000
  expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(true)

  time.ms += STALE_MS - 1
  await expect(api.daemons.register(HERE)).rejects.toThrow('(pid 1 on elsewhere)')
  await expect(api.daemons.assertFree('here')).rejects.toThrow('(pid 1 on elsewhere)')
  expect(await api.daemons.list('here')).toMatchObject([{ pid: 1 }])

  time.ms += 1
  expect(await api.daemons.list('here')).toEqual([])
  await api.daemons.assertFree('here')
  await api.daemons.register(HERE)
  expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(false)
})

test('a heartbeat is recorded with the times of the daemon', async () => {
  const { api, daemon, time } = await setUp()
  const { daemonId } = await daemon.daemons.register(HERE)
  time.ms += 5_000
  await daemon.daemons.heartbeat(daemonId, reportOf(new Date(time.ms - 1_000)))
  expect(await api.daemons.list('here')).toMatchObject([
    {
      startedAt: '2026-01-23 20:30:45',
      polledAt: '2026-01-23 20:30:49',
      heartbeatAt: '2026-01-23 20:30:50',
    },
  ])
})

test('users of a daemon that died were last seen at its last heartbeat, or connecting after it', async () => {
  const { api, daemon, time } = await setUp()
  const { daemonId } = await daemon.daemons.register(DEAD)
  const socket = { daemonId, address: '127.0.0.1', profile: {} }
  const connectAt = async (iso: string, userId: number) => {
    time.ms = Date.parse(`2026-01-23T${iso}Z`)
    return daemon.connections.connect({ ...socket, userId })
  }
  await connectAt('20:30:01', 1)
  await connectAt('20:30:02', 2)
  time.ms = Date.parse('2026-01-23T20:30:05Z')
  await daemon.daemons.heartbeat(daemonId, reportOf(new Date(0)))
  await connectAt('20:30:07', 2)
  await connectAt('20:30:08', 3)
  time.ms = Date.parse('2026-01-23T20:59:59Z')
  await api.daemons.register(HERE)

  expect(await api.connections.list()).toEqual([])
  const lastSeen = await Promise.all([1, 2, 3].map((userId) => api.users.lastSeenAt(userId)))
  expect(lastSeen).toEqual(['2026-01-23 20:30:05', '2026-01-23 20:30:07', '2026-01-23 20:30:08'])
})
