import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { dataOf, lease, type Promises, readAll, TestTime } from './opened-store.ts'

const ANNOUNCED = { announce: true }

export const connections: Promises = {
  'a socket is listed with its user as long as it is open, for both programs': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const connect = await lease(daemon)
    const profile = { username: 'ada', name: 'Ada' }
    const connectionId = await connect(7, { profile, address: '192.0.2.1' })
    const other = await connect(7)
    const row = { userId: 7, ...profile, connectedAt: '2026-01-23 20:30:45' }
    expect(await api.connections.list()).toEqual([
      { connectionId, ...row, address: '192.0.2.1' },
      { connectionId: other, ...row, address: '127.0.0.1' },
    ])
    expect(await api.connections.count()).toEqual({ connections: 2, users: 1 })
    expect(await api.connections.countUsers()).toBe(1)
    expect([await api.connections.isOnline(7), await api.connections.isOnline(8)]).toEqual([
      true,
      false,
    ])
    await leave(daemon, connectionId, 7)
    await leave(daemon, other, 7)
    expect(await api.connections.list()).toEqual([])
    expect(await api.connections.isOnline(7)).toBe(false)
  },

  'what a client says of its user is kept as far as it can be shown, and added to': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const connect = await lease(daemon)
    await connect(1, { profile: { username: 'ada', name: 'A\u0007da', profileUrl: 'data:x' } })
    const ada = { userId: 1, username: 'ada', name: 'Ada', profileUrl: '' }
    expect(await api.users.find(1)).toEqual(ada)
    await connect(1)
    expect(await api.users.find(1)).toEqual(ada)
    await connect(1, { profile: { name: 'Ada L.', profileUrl: '/uploads/1.jpg' } })
    const profileUrl = '/uploads/1.jpg'
    expect(await api.users.find(1)).toEqual({ ...ada, name: 'Ada L.', profileUrl })
  },

  'the first socket of a user is announced to everybody, and the last that closes': async (
    open,
  ) => {
    const { daemon } = await open()
    const connect = await lease(daemon)
    const tail = daemon.events.tail()
    const first = await connect(7, ANNOUNCED)
    const second = await connect(7, ANNOUNCED)
    expect(await statuses(daemon)).toEqual([[7, 'online']])
    const [event] = await readAll(tail)
    expect(event).toMatchObject({ event: 'chat:user_status', userId: null, subjectUserId: 7 })
    expect(event?.messageId).toBeNull()

    await leave(daemon, first, 7, ANNOUNCED)
    expect(await statuses(daemon)).toEqual([[7, 'online']])
    await leave(daemon, second, 7, ANNOUNCED)
    await leave(daemon, second, 7, ANNOUNCED)
    expect(await statuses(daemon)).toEqual([
      [7, 'online'],
      [7, 'offline'],
    ])
  },

  'sockets that come in one transaction are announced once, those of others each': async (open) => {
    const { daemon } = await open()
    const connect = await lease(daemon)
    await Promise.all([7, 7, 8].map((userId) => connect(userId, ANNOUNCED)))
    expect(await statuses(daemon)).toEqual([
      [7, 'online'],
      [8, 'online'],
    ])
  },

  'a page that is reloaded while its former row is there is announced to nobody': async (open) => {
    const { daemon } = await open()
    const connect = await lease(daemon)
    const former = await connect(7, ANNOUNCED)
    await Promise.all([connect(7, ANNOUNCED), leave(daemon, former, 7, ANNOUNCED)])
    expect(await statuses(daemon)).toEqual([[7, 'online']])
    expect(await daemon.users.lastSeenAt(7)).toBeUndefined()
  },

  'where nothing is to be announced, rows and last_seen_at are kept all the same': async (open) => {
    const { api, daemon } = await open()
    const connect = await lease(daemon)
    const first = await connect(7)
    const second = await connect(7)
    await leave(daemon, first, 7)
    expect(await api.users.lastSeenAt(7)).toBeUndefined()
    await leave(daemon, second, 7)
    expect(await api.users.lastSeenAt(7)).toBe('2026-01-23 20:00:00')
    expect(await statuses(daemon)).toEqual([])
  },
}

function leave(
  daemon: Chat,
  connectionId: number,
  userId: number,
  { announce } = { announce: false },
) {
  const seenAt = new Date('2026-01-23T20:00:00Z')
  return daemon.connections.disconnect({ connectionId, userId, seenAt, announce })
}

/** Everything that was announced so far. */
async function statuses(chat: Chat): Promise<unknown[][]> {
  const events = await readAll(chat.events.tail())
  return events.map((event) => [event.subjectUserId, dataOf(event).status])
}
