import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import type { DaemonReport, NewDaemon } from '../../src/chat/model.ts'
import { EPHEMERAL_SECONDS } from '../../src/chat/rules.ts'
import { HERE, names, type Promises, queue, readAll } from './opened-store.ts'

const ELSEWHERE: NewDaemon = { hostname: 'elsewhere', pid: 1, address: 'ws://192.0.2.1:8089' }
/** The engine's own clock need not begin its seconds with this one's. */
const CLOCK_SECONDS_MAX = 5

/** What a daemon reports that has delivered nothing. */
function reportOf(daemon: Chat): DaemonReport {
  const { position } = daemon.events.tail()
  return { position, deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt: new Date() }
}

export const daemons: Promises = {
  'a daemon is listed from when it registers until it unregisters, for both programs': async (
    open,
  ) => {
    const { api, daemon } = await open()
    expect(await api.daemons.list('here')).toEqual([])
    await daemon.daemons.assertFree('here')
    const { daemonId } = await daemon.daemons.register(HERE)
    expect(await api.daemons.list('here')).toMatchObject([{ ...HERE, daemonId }])
    expect(await daemon.daemons.list('elsewhere')).toMatchObject([{ ...HERE, daemonId }])
    await daemon.daemons.unregister(daemonId, reportOf(daemon))
    expect(await api.daemons.list('here')).toEqual([])
  },

  'a daemon that has unregistered does not live, and takes nothing from its successor': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const first = await daemon.daemons.register(HERE)
    expect(await daemon.daemons.heartbeat(first.daemonId, reportOf(daemon))).toBe(true)
    await daemon.daemons.unregister(first.daemonId, reportOf(daemon))
    expect(await daemon.daemons.heartbeat(first.daemonId, reportOf(daemon))).toBe(false)

    const second = await daemon.daemons.register(ELSEWHERE)
    expect(second.daemonId).not.toBe(first.daemonId)
    await daemon.daemons.unregister(first.daemonId, reportOf(daemon))
    expect(await daemon.daemons.heartbeat(first.daemonId, reportOf(daemon))).toBe(false)
    expect(await daemon.daemons.heartbeat(second.daemonId, reportOf(daemon))).toBe(true)
    expect(await api.daemons.list('here')).toMatchObject([
      { ...ELSEWHERE, daemonId: second.daemonId },
    ])
  },

  'a heartbeat tells others how the daemon does': async (open) => {
    const { api, daemon } = await open()
    const { daemonId } = await daemon.daemons.register(HERE)
    const { position } = daemon.events.tail()
    const report = { position, deliveredCount: 3, lagSeconds: 2, pollMs: 1.5 }
    const polledAt = new Date(Date.now() - 60_000)
    await daemon.daemons.heartbeat(daemonId, { ...report, polledAt })

    const [listed] = await api.daemons.list('here')
    expect(listed).toMatchObject(report)
    for (const [time, age] of [
      [listed?.startedAt, 0],
      [listed?.heartbeatAt, 0],
      [listed?.polledAt, 60],
    ] as const) {
      const error = Math.abs(api.clock.secondsSince(time ?? '') - age)
      expect(error).toBeLessThanOrEqual(CLOCK_SECONDS_MAX)
    }
  },

  'whoever was connected when a daemon unregisters was last seen then': async (open) => {
    const { api, daemon } = await open()
    const { daemonId } = await daemon.daemons.register(HERE)
    const socket = { daemonId, userId: 1, address: '127.0.0.1', profile: {} }
    await daemon.connections.connect(socket)
    await daemon.daemons.unregister(daemonId, reportOf(daemon))
    expect(await api.connections.list()).toEqual([])
    expect(await api.connections.isOnline(1)).toBe(false)
    const seenAt = (await api.users.lastSeenAt(1)) ?? ''
    expect(Math.abs(api.clock.secondsSince(seenAt))).toBeLessThanOrEqual(CLOCK_SECONDS_MAX)
  },

  'what means nothing later is not read by a daemon that registers later': async (open) => {
    let ms = Date.now()
    const { api, daemon } = await open({ now: () => new Date(ms) })
    await queue(api, 'chat:typing', 'shop:sale', 'chat:user_status')
    const readBySuccessor = async () => {
      const { daemonId, position } = await daemon.daemons.register(HERE)
      const tail = daemon.events.tail(position)
      const events = names(await tail.read(10))
      await daemon.daemons.unregister(daemonId, { ...reportOf(daemon), position: tail.position })
      return events
    }
    ms = Date.now() + (EPHEMERAL_SECONDS - 5) * 1000
    expect(await readBySuccessor()).toEqual(['chat:typing', 'shop:sale', 'chat:user_status'])
    ms = Date.now() + (EPHEMERAL_SECONDS + 1) * 1000
    expect(await readBySuccessor()).toEqual(['shop:sale'])
  },

  'a daemon that registers where another has unregistered reads what that one left': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const first = await daemon.daemons.register(HERE)
    const tail = daemon.events.tail(first.position)
    await queue(api, 'first', 'second')
    expect(await readAll(tail)).toHaveLength(2)
    await queue(api, 'third')
    while (await tail.deleteRead(new Set()));
    const { position } = tail
    await daemon.daemons.unregister(first.daemonId, { ...reportOf(daemon), position })
    await queue(api, 'fourth')

    const second = await api.daemons.register(HERE)
    expect(names(await readAll(api.events.tail(second.position)))).toEqual(['third', 'fourth'])
  },
}
