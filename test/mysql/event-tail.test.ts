import type { Connection } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import { names, readAll, send } from '../store/opened-store.ts'
import { waitFor } from '../support/wait.ts'
import { port, TestDatabase } from './open-mysql.ts'

/** Two users of one shard, and one of another. */
const [ADA, BOB, CARL] = [1, 257, 2]
/** ER_STATEMENT_TIMEOUT, of max_statement_time. */
const STATEMENT_TIMEOUT = 1969
const HERE = { hostname: 'here', pid: 1, address: 'ws://127.0.0.1:8089' }

async function start() {
  const database = new TestDatabase()
  const { store } = await database.open()
  return { database, store, other: await database.connect() }
}

describe.skipIf(port === undefined)('the tail on a shared engine', () => {
  test('a row of another program is numbered in its shard, whoever it is for', async () => {
    const { store, other } = await start()
    await store.events.broadcast('ours', ADA, {})
    await other.query(
      `INSERT INTO pending_events (event, user_id, data) VALUES
        ('theirs', ${BOB}, '{"a":1}'), ('for all', NULL, '{}'), ('elsewhere', ${CARL}, '{}')`,
    )
    await store.events.broadcast('ours again', ADA, {})
    const [rows] = await other.query('SELECT shard, seq, event FROM pending_events')
    expect(rows).toEqual([
      { shard: 1, seq: 1, event: 'ours' },
      { shard: 1, seq: 2, event: 'theirs' },
      { shard: 1, seq: 3, event: 'ours again' },
      { shard: 2, seq: 1, event: 'elsewhere' },
      { shard: 256, seq: 1, event: 'for all' },
    ])
    expect(await readAll(store.events.tail())).toHaveLength(5)
    expect(await store.events.queuedCount()).toBe(5)
  })

  test('a row that is rolled back leaves no hole, and an open one holds up its shard alone', async () => {
    const { store, other } = await start()
    const insert = `INSERT INTO pending_events (event, user_id, data) VALUES ('open', ${ADA}, '{}')`
    await other.query(`START TRANSACTION; ${insert}`)
    const waiting = store.events.broadcast('waits', BOB, {})
    const tail = store.events.tail()
    await store.events.broadcast('elsewhere', CARL, {})
    expect(names(await readAll(tail))).toEqual(['elsewhere'])
    await other.query('ROLLBACK')
    await waiting
    expect(names(await readAll(tail))).toEqual(['waits'])
    await other.query(`START TRANSACTION; ${insert}; COMMIT`)
    expect(names(await readAll(tail))).toEqual(['open'])
  })

  test('on MariaDB a lock is waited for shorter than a lock wait timeout can be', async () => {
    const { database, other } = await start()
    const writer = await database.open()
    const insert = `INSERT INTO pending_events (event, user_id, data) VALUES ('open', ${ADA}, '{}')`
    await other.query(`START TRANSACTION; ${insert}`)
    const options = { shards: [ADA], failsOnLockWait: true }
    const isTimedOut = writer.database.transact(options, async () => {})
    await expect(isTimedOut).rejects.toMatchObject({ errno: STATEMENT_TIMEOUT })
    await other.query('ROLLBACK')
    await writer.database.transact(options, async () => {})
  })

  test('events of shards in which no receiver is are passed over, for good', async () => {
    const { store } = await start()
    const tail = store.events.tail()
    const receivers = new Map([[CARL, 'a socket']])
    await store.events.broadcast('for Ada', ADA, {})
    await store.events.broadcast('for Carl', CARL, {})
    await store.events.broadcast('for all', null, {})
    const events = await tail.read(10, receivers)
    expect(names(events)).toEqual(['for Carl', 'for all'])
    for (const event of events) tail.acknowledge(event)
    expect(names(await readAll(tail))).toEqual([])
    await store.events.broadcast('for Ada again', ADA, {})
    expect(names(await readAll(store.events.tail(tail.position)))).toEqual(['for Ada again'])
    // Of one shard with him.
    receivers.set(BOB, 'a socket')
    expect(names(await tail.read(10, receivers))).toEqual(['for Ada again'])
  })

  test('a receiver who comes while a poll is on its way misses nothing of it', async () => {
    const { store } = await start()
    const tail = store.events.tail()
    await tail.read(10)
    await store.events.broadcast('for Ada', ADA, {})
    const receivers = new Map<number, string>()
    const reading = tail.read(10, receivers)
    receivers.set(ADA, 'a socket')
    expect(names(await reading)).toEqual(['for Ada'])
  })

  test('a shard that one slow transaction after the other locks is not taken for held', async () => {
    const { database, store } = await start()
    let isOver = false
    const lock = 'UPDATE event_shards SET lock_count = lock_count + 1 WHERE shard = 1'
    const write = async (connection: Connection) => {
      while (!isOver) await connection.query(`START TRANSACTION; ${lock}; DO SLEEP(0.2); COMMIT`)
    }
    const connections = await Promise.all([1, 2, 3].map(() => database.connect()))
    const writing = connections.map(write)
    const sending = ['a', 'b', 'c'].map((name) => store.events.broadcast(name, ADA, {}))
    await Promise.all(sending).finally(() => {
      isOver = true
    })
    await Promise.all(writing)
    expect(names(await readAll(store.events.tail()))).toEqual(['a', 'b', 'c'])
  })

  test('a transaction over most shards waits for none of the others', async () => {
    const { store, other } = await start()
    const insert = `INSERT INTO pending_events (event, user_id, data) VALUES ('open', ${ADA}, '{}')`
    await other.query(`START TRANSACTION; ${insert}`)
    const userIds = Array.from({ length: 250 }, (_, index) => ADA + 1 + index)
    await Promise.all(userIds.map((userId) => store.events.broadcast('theirs', userId, {})))
    expect(await readAll(store.events.tail())).toHaveLength(userIds.length)
    await other.query('ROLLBACK')
  })

  test('a row that is no JSON, or too long, is read as one that cannot be sent', async () => {
    const { store, other } = await start()
    const longest = `{"a":"${'x'.repeat(1_048_576 - 8)}"}`
    const insert = 'INSERT INTO pending_events (event, user_id, data) VALUES ?'
    const rows = ['{"a":', longest, `${longest} `].map((data) => ['their', ADA, data])
    await other.query(insert, [rows])
    const read = await readAll(store.events.tail())
    expect(read.map(({ data }) => data?.length)).toEqual([undefined, 1_048_576, undefined])
  })

  test('behind a number that is missing nothing is read until it comes', async () => {
    const { store, other } = await start()
    const tail = store.events.tail()
    await tail.read(10)
    await other.query('UPDATE event_shards SET last_seq = 2 WHERE shard = 1')
    const insert =
      "INSERT INTO pending_events (shard, seq, event, user_id, data) VALUES (1, ?, ?, 1, '{}')"
    await other.query(insert, [2, 'second'])
    await store.events.broadcast('elsewhere', CARL, {})
    expect(names(await readAll(tail))).toEqual(['elsewhere'])
    await other.query(insert, [1, 'first'])
    expect(names(await readAll(tail))).toEqual(['first', 'second'])
    expect(tail.takeGap()).toBeUndefined()
  })

  test('a number that stays missing is passed over, and its users have to recover', async () => {
    const { store, other } = await start()
    const tail = store.events.tail()
    await tail.read(10)
    for (const name of ['first', 'second', 'third']) await store.events.broadcast(name, ADA, {})
    await other.query('DELETE FROM pending_events WHERE seq < 3')
    const read: string[] = []
    await waitFor(async () => {
      read.push(...names(await readAll(tail)))
      return read.length > 0
    }, 'the event behind the hole')
    expect(read).toEqual(['third'])
    const isLost = tail.takeGap()
    expect([ADA, BOB, CARL].map((userId) => isLost?.(userId))).toEqual([true, true, false])
    expect(tail.takeGap()).toBeUndefined()
  })

  test('where events for all are lost, everybody has to recover', async () => {
    const { store, other } = await start()
    const tail = store.events.tail()
    await tail.read(10)
    await store.events.broadcast('for all', null, {})
    await other.query('DELETE FROM pending_events')
    let isLost: ReturnType<typeof tail.takeGap>
    await waitFor(async () => {
      await readAll(tail)
      isLost = tail.takeGap()
      return isLost !== undefined
    }, 'the gap')
    expect([ADA, CARL].map((userId) => isLost?.(userId))).toEqual([true, true])
  })

  test('a database that goes back in time makes users recover, and goes on from there', async () => {
    const { store, other } = await start()
    const tail = store.events.tail()
    for (const name of ['first', 'second']) await store.events.broadcast(name, ADA, {})
    expect(await readAll(tail)).toHaveLength(2)
    await other.query(`
      DELETE FROM pending_events WHERE shard = 1 AND seq = 2;
      UPDATE event_shards SET last_seq = 1 WHERE shard = 1
    `)
    expect(await readAll(tail)).toEqual([])
    const isLost = tail.takeGap()
    expect([ADA, CARL].map((userId) => isLost?.(userId))).toEqual([true, false])
    await store.events.broadcast('second again', ADA, {})
    expect(names(await readAll(tail))).toEqual(['second again'])
  })

  test('more events than are asked for come in several reads, whatever their shards', async () => {
    const { store } = await start()
    const userIds = Array.from({ length: 60 }, (_, index) => index + 1)
    const twice = [...userIds, ...userIds]
    await Promise.all(twice.map((userId) => store.events.broadcast(`to ${userId}`, userId, {})))
    const tail = store.events.tail()
    expect(await tail.read(7)).toHaveLength(7)
    const read = await readAll(tail, 7)
    expect(names(read).toSorted()).toEqual(twice.map((userId) => `to ${userId}`).toSorted())
  })

  test('a daemon beside another begins now; one that finds none begins where the last one was', async () => {
    const { store } = await start()
    await store.events.broadcast('before', ADA, {})
    const first = await store.daemons.register(HERE)
    const tail = store.events.tail(first.position)
    expect(names(await readAll(tail))).toEqual(['before'])

    const second = await store.daemons.register({ ...HERE, address: 'ws://127.0.0.1:8090' })
    await store.events.broadcast('after', ADA, {})
    expect(names(await readAll(store.events.tail(second.position)))).toEqual(['after'])

    const report = { deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt: new Date() }
    const { position } = tail
    await store.daemons.unregister(second.daemonId, { ...report, position })
    await store.daemons.unregister(first.daemonId, { ...report, position })
    const third = await store.daemons.register({ ...HERE, hostname: 'elsewhere' })
    expect(names(await readAll(store.events.tail(third.position)))).toEqual(['after'])
  })

  test('of two daemons that call themselves the same, each registers once more at most', async () => {
    const { database, store } = await start()
    const { store: twin } = await database.open()
    const report = { position: store.events.tail().position, deliveredCount: 0, lagSeconds: 0 }
    const beat = (chat: typeof store, daemonId: number) =>
      chat.daemons.heartbeat(daemonId, { ...report, pollMs: 0, polledAt: new Date() })
    const first = await store.daemons.register(HERE)
    const second = await twin.daemons.register(HERE)
    expect(await beat(store, first.daemonId)).toBe(false)
    const again = await store.daemons.register(HERE)
    expect(await beat(twin, second.daemonId)).toBe(true)
    expect(await beat(store, again.daemonId)).toBe(true)
  })

  test('a successor reads again what had reached no socket', async () => {
    const { store } = await start()
    const tail = store.events.tail()
    const eventId = await store.events.broadcast('kept', ADA, {})
    await store.events.broadcast('sent', ADA, {})
    await store.events.broadcast('sent', CARL, {})
    expect(await readAll(tail)).toHaveLength(3)
    await tail.deleteRead(new Set([eventId]))
    expect(names(await readAll(store.events.tail(tail.position)))).toEqual(['kept', 'sent'])
  })

  test('recovery refuses a server that lags behind what was read', async () => {
    const { store, other } = await start()
    const { messageId } = await send(store, CARL, ADA)
    const tail = store.events.tail()
    expect(await readAll(tail)).toHaveLength(1)
    expect((await store.messages.since(ADA, 0, 10)).messages).toMatchObject([{ messageId }])
    await other.query('UPDATE event_shards SET last_seq = 0 WHERE shard = 1')
    await expect(store.messages.since(ADA, 0, 10)).rejects.toMatchObject({ code: 'unavailable' })
  })
})
