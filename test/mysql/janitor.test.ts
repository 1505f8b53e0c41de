import { describe, expect, test } from 'vitest'
import { Janitor } from '../../src/mysql/janitor.ts'
import { dataOf, names, readAll } from '../store/opened-store.ts'
import { port, TestDatabase } from './open-mysql.ts'

const HERE = { hostname: 'here', pid: 1, address: 'ws://127.0.0.1:8089' }
const ELSEWHERE = { ...HERE, hostname: 'elsewhere' }

async function start(keptMs = 0) {
  const database = new TestDatabase()
  const { store, database: opened } = await database.open()
  const janitor = new Janitor(store, opened, keptMs)
  return { database, store, janitor, other: await database.connect() }
}

describe.skipIf(port === undefined)('the janitor of a shared engine', () => {
  test('deletes the events that it has seen for long enough, and none that came since', async () => {
    const { store, janitor, other } = await start()
    const broadcast = (event: string) =>
      Promise.all([1, 2, 300, null].map((userId) => store.events.broadcast(event, userId, {})))
    await broadcast('old')
    await janitor.run()
    expect(await readAll(store.events.tail())).toEqual([])
    await broadcast('new')
    expect(names(await readAll(store.events.tail()))).toEqual(Array(4).fill('new'))
    const [rows] = await other.query('SELECT DISTINCT seq FROM pending_events')
    expect(rows).toEqual([{ seq: 2 }])
  })

  test('leaves events that are younger', async () => {
    const { store, janitor } = await start(60_000)
    await store.events.broadcast('young', 1, {})
    await janitor.run()
    await janitor.run()
    expect(await readAll(store.events.tail())).toHaveLength(1)
  })

  test('does not wait for a row that is not committed, and does not delete it', async () => {
    const { store, janitor, other } = await start()
    await other.query(`
      START TRANSACTION;
      INSERT INTO pending_events (event, user_id, data) VALUES ('open', 1, '{}')
    `)
    await janitor.run()
    await other.query('COMMIT')
    expect(names(await readAll(store.events.tail()))).toEqual(['open'])
  })

  test('is one process at a time, and another when that one is gone', async () => {
    const { database, store } = await start()
    const { store: second } = await database.open()
    const claims = () => Promise.all([store, second].map((one) => one.claim('job', 60)))
    const [isFirst, isSecond] = await claims()
    expect([isFirst, isSecond].filter(Boolean)).toHaveLength(1)
    expect(await claims()).toEqual([isFirst, isSecond])
    const other = await database.connect()
    await other.query('UPDATE claims SET expires_at = NOW(3) - INTERVAL 1 SECOND')
    const [owner, heir] = isFirst ? [store, second] : [second, store]
    expect(await heir.claim('job', 60)).toBe(true)
    expect(await owner.claim('job', 60)).toBe(false)
    expect(await owner.claim('another job', 60)).toBe(true)
  })

  test('tells that users of a dead daemon are offline, but for those who are back', async () => {
    const { store, janitor, other } = await start(60_000)
    const [dead, alive] = [
      await store.daemons.register(HERE),
      await store.daemons.register(ELSEWHERE),
    ]
    const connect = (daemonId: number, userId: number) =>
      store.connections.connect({ daemonId, userId, address: '127.0.0.1', profile: {} })
    for (const userId of [1, 2, 2]) await connect(dead.daemonId, userId)
    // Until it is told that the user went, they were never away.
    expect((await connect(alive.daemonId, 1)).isFirst).toBe(false)
    await other.query(
      'UPDATE daemons SET heartbeat_at = NOW(3) - INTERVAL 50 SECOND WHERE daemon_id = ?',
      [dead.daemonId],
    )
    expect(await store.connections.isOnline(2)).toBe(false)
    expect(await store.daemons.list()).toMatchObject([ELSEWHERE])
    await janitor.run()

    const told = await readAll(store.events.tail())
    expect(told.map(({ event, subjectUserId }) => [event, subjectUserId])).toEqual([
      ['chat:user_status', 2],
    ])
    expect(told.map(dataOf)).toMatchObject([{ user_id: 2, status: 'offline' }])
    expect(await store.connections.list()).toMatchObject([{ userId: 1, daemonId: alive.daemonId }])
    // Connected after the last heartbeat: seen then.
    expect(store.clock.secondsSince((await store.users.lastSeenAt(2)) ?? '')).toBeLessThan(30)
    expect(await store.users.lastSeenAt(1)).toBeUndefined()
    const report = { position: dead.position ?? '', deliveredCount: 0, lagSeconds: 0, pollMs: 0 }
    const polledAt = new Date()
    expect(await store.daemons.heartbeat(dead.daemonId, { ...report, polledAt })).toBe(false)
    await janitor.run()
    expect(await readAll(store.events.tail(store.events.tail().position))).toHaveLength(1)
  })
})
