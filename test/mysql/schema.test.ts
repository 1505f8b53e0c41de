import { readFileSync } from 'node:fs'
import type { Connection } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { DatabaseAddress } from '../../src/mysql/address.ts'
import { SCHEMA_VERSION } from '../../src/mysql/migrations.ts'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { SHARDS } from '../../src/mysql/shards.ts'
import { port, TestDatabase } from './open-mysql.ts'

const SCHEMA = readFileSync(new URL('../../src/mysql/schema.sql', import.meta.url), 'utf8')
/** In the order in which they are created. */
const TABLES = [...SCHEMA.matchAll(/^CREATE TABLE IF NOT EXISTS (\w+)/gm)].map(([, name]) => name)

/** As a service opens it; resolves with what it says of migrations. */
async function open(address: DatabaseAddress): Promise<number[][]> {
  const migrations: number[][] = []
  const onMigrated = (from: number, to: number) => migrations.push([from, to])
  const database = await openDatabase(address, { onMigrated })
  onTestFinished(() => database.close())
  return migrations
}

async function columnOf(root: Connection, sql: string): Promise<unknown[]> {
  const [rows] = await root.query(sql)
  return (rows as object[]).map((row) => Object.values(row)[0])
}

async function expectWhole(root: Connection): Promise<void> {
  const tables = await columnOf(root, 'SHOW TABLES')
  expect(tables).toEqual(['chat_schema', ...TABLES].sort())
  expect(await columnOf(root, 'SHOW TRIGGERS')).toEqual(['number_pending_event'])
  expect(await columnOf(root, 'SELECT version FROM chat_schema')).toEqual([SCHEMA_VERSION])
  expect(await columnOf(root, 'SELECT COUNT(*) FROM event_shards')).toEqual([SHARDS])
}

describe.skipIf(port === undefined)('on a MariaDB', () => {
  test('eight that start together on an empty database all come up, and nothing was migrated', async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    const migrations = await Promise.all(Array.from({ length: 8 }, () => open(address)))

    expect(migrations.flat()).toEqual([])
    await expectWhole(root)
  })

  test('wherever the first start was killed, the next one completes the schema', async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    for (const [count] of TABLES.entries()) {
      await open(address)
      for (const table of TABLES.slice(count)) await root.query(`DROP TABLE ${table}`)
      await root.query('UPDATE chat_schema SET version = 0')
    }
    await root.query('DELETE FROM chat_schema')
    await open(address)

    await expectWhole(root)
  })

  test('one of an older version becomes what a new one is, wherever that was killed', async () => {
    const database = new TestDatabase()
    const root = await database.connect()
    await open(database.address)
    const [fresh] = await root.query('SHOW CREATE TABLE webhooks')
    await root.query('DROP TABLE webhooks')
    for (const _ of ['killed', 'not killed']) {
      await root.query('UPDATE chat_schema SET version = 1')
      expect(await open(database.address)).toEqual([[1, SCHEMA_VERSION]])
    }
    const [migrated] = await root.query('SHOW CREATE TABLE webhooks')
    expect(migrated).toEqual(fresh)
    await expectWhole(root)
  })

  test('the next one completes the shards, and loses no number of an event', async () => {
    const database = new TestDatabase()
    const { address } = database
    const root = await database.connect()
    await open(address)
    await root.query(
      'UPDATE event_shards SET last_seq = 7; DELETE FROM event_shards WHERE shard = 5',
    )
    await root.query('DROP TRIGGER number_pending_event; UPDATE chat_schema SET version = 0')
    await open(address)

    await expectWhole(root)
    expect(await columnOf(root, 'SELECT DISTINCT last_seq FROM event_shards')).toEqual([7, 0])
  })
})
