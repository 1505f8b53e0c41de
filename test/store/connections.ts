import { expect } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { dataOf, type Promises, readAll, register, TestTime } from './opened-store.ts'

export const connections: Promises = {
  'a socket is listed with its user as long as it is open, for both programs': async (open) => {
    const time = new TestTime()
    const { api, daemon } = await open({ now: time.now })
    const connect = await register(daemon)
    const profile = { username: 'ada', name: 'Ada' }
    const [{ daemonId } = { daemonId: 0 }] = await api.daemons.list('here')
    const { connectionId } = await connect(7, { profile, address: '192.0.2.1' })
    const { connectionId: other } = await connect(7)
    const row = { daemonId, userId: 7, ...profile, connectedAt: '2026-01-23 20:30:45' }
    expect(await api.connections.list()).toEqual([
      { connectionId, ...row, address: '192.0.2.1' },
      { connectionId: other, ...row, address: '127.0.0.1' },
    ])
    expect(await api.connections.count()).toEqual({ connections: 2, users: 1 })
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
    const connect = await register(daemon)
    await connect(1, { profile: { username: 'ada', name: 'A\u0007da', profileUrl: 'data:x' } })
    const ada = { userId: 1, username: 'ada', name: 'Ada', profileUrl: '' }
    expect(await api.users.find(1)).toEqual(ada)
    await connect(1)
    expect(await api.users.find(1)).toEqual(ada)
    await connect(1, { profile: { name: 'Ada L.', profileUrl: '/uploads/1.jpg' } })
    const profileUrl = '/uploads/1.jpg'
    expect(await api.users.find(1)).toEqual({ ...ada, name: 'Ada L.', profileUrl })
  },

  'the first socket of a user is told from the others, and so is the last that closes': async (
    open,
  ) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    const first = await connect(7)
    const second = await connect(7)
    expect([first.isFirst, second.isFirst]).toEqual([true, false])
    expect(await leave(daemon, first.connectionId, 7)).toBe(false)
    expect(await api.users.lastSeenAt(7)).toBeUndefined()
    expect(await leave(daemon, second.connectionId, 7)).toBe(true)
    expect(await api.users.lastSeenAt(7)).toBe('2026-01-23 20:00:00')
    expect(await leave(daemon, second.connectionId, 7)).toBe(false)
  },

  'of sockets that come in one transaction one is the first of its user': async (open) => {
    const { daemon } = await open()
    const connect = await register(daemon)
    const connected = await Promise.all([7, 7, 8].map((userId) => connect(userId)))
    expect(connected.map(({ isFirst }) => isFirst)).toEqual([true, false, true])
  },

  'a page that is reloaded while its former row is there is neither the first nor the last': async (
    open,
  ) => {
    const { daemon } = await open()
    const connect = await register(daemon)
    const former = await connect(7)
    const [{ isFirst }, isLast] = await Promise.all([
      connect(7),
      leave(daemon, former.connectionId, 7),
    ])
    expect([isFirst, isLast]).toEqual([false, false])
    expect(await daemon.users.lastSeenAt(7)).toBeUndefined()
  },

  'who came and who went is announced to everybody, in one transaction': async (open) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    await connect(7)
    await daemon.connections.announce(
      new Map([
        [7, true],
        [8, false],
      ]),
    )
    const events = await readAll(api.events.tail())
    expect(events).toMatchObject([
      { event: 'chat:user_status', userId: null, subjectUserId: 7, messageId: null },
      { event: 'chat:user_status', userId: null, subjectUserId: 8, messageId: null },
    ])
    expect(events.map(dataOf)).toMatchObject([
      { user_id: 7, status: 'online' },
      { user_id: 8, status: 'offline' },
    ])
  },
}

/** Resolves with whether it was the user's last. */
function leave(daemon: Chat, connectionId: number, userId: number): Promise<boolean> {
  const seenAt = new Date('2026-01-23T20:00:00Z')
  return daemon.connections.disconnect({ connectionId, userId, seenAt })
}
