import { expect } from 'vitest'
import type { DaemonReport } from '../../src/chat/model.ts'
import { OWNER, type Promises, TestTime } from './opened-store.ts'

/** Beyond what any system gives out as a pid. */
const DEAD = { ...OWNER, pid: 2 ** 30 }
const ELSEWHERE = { ...OWNER, hostname: 'elsewhere', pid: 1 }
/** After so long without a heartbeat a daemon of another machine is dead. */
const STALE_MS = 30_000

function reportOf(polledAt: Date): DaemonReport {
  return { position: 0, deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt }
}

export const daemons: Promises = {
  'the lease is refused while its owner lives, and says whose it is': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const daemonId = await daemon.daemons.acquire(OWNER)
    time.ms += 100 * STALE_MS
    const refused = { code: 'setup', message: expect.stringContaining(`(pid ${OWNER.pid}) serves`) }
    await expect(api.daemons.acquire(OWNER)).rejects.toMatchObject(refused)
    await expect(api.daemons.assertFree(OWNER.hostname)).rejects.toMatchObject(refused)
    expect(await api.daemons.find(OWNER.hostname)).toMatchObject({ ...OWNER, daemonId })
    expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(true)
  },

  'an owner on another machine lives for a while after its heartbeat, no longer': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const daemonId = await daemon.daemons.acquire(ELSEWHERE)
    time.ms += 10_000
    expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(true)

    time.ms += STALE_MS - 1
    await expect(api.daemons.acquire(OWNER)).rejects.toThrow('(pid 1 on elsewhere)')
    await expect(api.daemons.assertFree('here')).rejects.toThrow('(pid 1 on elsewhere)')
    expect((await api.daemons.find('here'))?.pid).toBe(1)

    time.ms += 1
    expect(await api.daemons.find('here')).toBeUndefined()
    await api.daemons.assertFree('here')
    await api.daemons.acquire(OWNER)
    expect(await daemon.daemons.heartbeat(daemonId, reportOf(time.now()))).toBe(false)
  },

  'a lease that was given back is free, and given back again takes no other’s': async (open) => {
    const { api, daemon } = await open()
    const first = await daemon.daemons.acquire(OWNER)
    await daemon.daemons.release(first)
    expect(await api.daemons.find('here')).toBeUndefined()
    const second = await api.daemons.acquire(ELSEWHERE)
    await daemon.daemons.release(first)
    expect((await api.daemons.find('here'))?.daemonId).toBe(second)
    expect(second).not.toBe(first)
  },

  'a heartbeat tells others how the daemon does': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const daemonId = await daemon.daemons.acquire(OWNER)
    time.ms += 5_000
    const { position } = daemon.events.tail()
    const report = { position, deliveredCount: 3, lagSeconds: 2, pollMs: 1.5 }
    await daemon.daemons.heartbeat(daemonId, { ...report, polledAt: new Date(time.ms - 1_000) })
    expect(await api.daemons.find('here')).toMatchObject({
      ...report,
      startedAt: '2026-01-23 20:30:45',
      polledAt: '2026-01-23 20:30:49',
      heartbeatAt: '2026-01-23 20:30:50',
    })
  },

  'whoever was connected when a lease is given back was last seen then': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const daemonId = await daemon.daemons.acquire(OWNER)
    const socket = { daemonId, userId: 1, address: '127.0.0.1', profile: {} }
    await daemon.connections.connect(socket)
    time.ms += 5_000
    await daemon.daemons.release(daemonId)
    expect(await api.connections.list()).toEqual([])
    expect(await api.users.lastSeenAt(1)).toBe('2026-01-23 20:30:50')
  },

  'users of a daemon that died were last seen at its last heartbeat, or connecting after it':
    async (open) => {
      const time = new TestTime()
      const { api, daemon } = await open({ now: time.now })
      const daemonId = await daemon.daemons.acquire(DEAD)
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
      await api.daemons.acquire(OWNER)

      expect(await api.connections.list()).toEqual([])
      const lastSeen = await Promise.all([1, 2, 3].map((userId) => api.users.lastSeenAt(userId)))
      expect(lastSeen).toEqual([
        '2026-01-23 20:30:05',
        '2026-01-23 20:30:07',
        '2026-01-23 20:30:08',
      ])
    },
}
