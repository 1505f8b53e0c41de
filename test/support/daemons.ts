import type { Daemon } from '../../src/chat/model.ts'
import type { Daemons } from '../../src/chat/store.ts'

/** A daemon as a shared store lists it: it polled at TIME. */
export function daemonRow(more: Partial<Daemon> = {}): Daemon {
  return {
    daemonId: 1,
    hostname: 'web1',
    pid: 101,
    address: 'ws://192.0.2.1:8089',
    startedAt: '2026-01-23 20:00:00',
    heartbeatAt: '2026-01-23 20:30:45',
    polledAt: '2026-01-23 20:30:45',
    position: 'somewhere',
    deliveredCount: 7,
    lagSeconds: 0,
    pollMs: 1.5,
    ...more,
  }
}

/** When the daemons of `daemonRow` polled. */
export const TIME = new Date('2026-01-23T20:30:45Z')

/** Lets the daemons of an embedded store be several, as those of a shared one are. */
export function listDaemons<Chat extends { daemons: Daemons }>(chat: Chat, list: Daemon[]): Chat {
  Object.assign(chat.daemons, { list: async () => list })
  return chat
}
