import { describe, expect, test } from 'vitest'
import { Durability } from '../../src/mysql/durability.ts'
import { readAll, send } from '../store/opened-store.ts'
import { port, TestDatabase } from './open-mysql.ts'

async function isAssured(settings: Record<string, string>): Promise<boolean> {
  const durability = new Durability()
  const rows = Object.entries(settings).map(([name, value]) => ({
    Variable_name: name,
    Value: value,
  }))
  await durability.check(async () => rows)
  return durability.flush.length === 0
}

test('a server that syncs a binary log, or is a node of Galera, shows only what is durable', async () => {
  expect(await isAssured({ log_bin: 'ON', sync_binlog: '1' })).toBe(true)
  expect(await isAssured({ log_bin: 'OFF', sync_binlog: '0', wsrep_on: 'ON' })).toBe(true)
  expect(await isAssured({ log_bin: 'ON', sync_binlog: '0', wsrep_on: 'OFF' })).toBe(false)
  expect(await isAssured({ log_bin: 'OFF', sync_binlog: '1' })).toBe(false)
  expect(new Durability().flush).toHaveLength(1)
})

describe.skipIf(port === undefined)('on a server without a binary log', () => {
  test('a write follows each read of events, and of messages for a replay', async () => {
    const database = new TestDatabase()
    const { store } = await database.open()
    const other = await database.connect()
    const writes = async () => {
      const [rows] = await other.query('SELECT SUM(count + 1) AS count FROM flushes')
      return Number((rows as { count: number }[])[0]?.count)
    }
    const tail = store.events.tail()
    expect(await readAll(tail)).toEqual([])
    expect(await writes()).toBe(0)
    await send(store, 1, 2)
    expect(await readAll(tail)).toHaveLength(1)
    expect(await writes()).toBe(1)
    expect(await readAll(tail)).toEqual([])
    expect(await writes()).toBe(1)
    expect((await store.messages.since(2, 0, 10)).messages).toHaveLength(1)
    expect(await writes()).toBe(2)
    expect((await store.messages.since(1, 0, 10)).messages).toEqual([])
    expect(await writes()).toBe(2)
  })
})
