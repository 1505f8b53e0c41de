import { existsSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { Export } from '../../src/sqlite/export.ts'
import { SCHEMA_VERSION } from '../../src/sqlite/migrations.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { temporaryFolder } from '../support/folders.ts'

/** The file of a chat that does not run, filled by SQL. */
async function createFile(sql = ''): Promise<string> {
  const path = join(temporaryFolder(), 'chat.db')
  const database = await openDatabase(path, { durable: false })
  await database.close()
  const beside = new Sqlite(path)
  beside.exec(sql)
  beside.close()
  return path
}

function open(path: string): Export {
  const source = new Export(path)
  onTestFinished(() => source.close())
  return source
}

const LOCKED = /^Database .*chat\.db is locked by another program\. Find it with: fuser /

test('every row of what is kept is read, with the names of its columns and the highest id', async () => {
  const path = await createFile(`
    INSERT INTO users (user_id) VALUES (2), (1), (3);
    INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 2);
    INSERT INTO messages (message_id, conversation_id, sender_id, receiver_id, message_type, message)
    VALUES (8, 1, 1, 2, 'text', 'a'), (9, 1, 1, 2, 'text', 'b');
    DELETE FROM messages WHERE message_id = 9;
    INSERT INTO user_blocks (user_id, blocked_user_id) VALUES (3, 1), (1, 3);
    INSERT INTO pending_events (event, data) VALUES ('shop:sale', '{}');
    INSERT INTO webhooks (message_id, user_id, due_at) VALUES (8, 2, '2026-01-23 20:30:45');
  `)
  const source = open(path)
  expect(source.tables.map(({ name, count, lastId }) => [name, count, lastId])).toEqual([
    ['users', 3, 0],
    ['conversations', 1, 1],
    ['messages', 1, 9],
    ['user_blocks', 2, 0],
    ['pending_events', 1, 1],
    ['webhooks', 1, 0],
  ])
  for (const table of source.tables) {
    const rows = [...source.rows(table)]
    expect(rows).toHaveLength(table.count)
    for (const row of rows) expect(row).toHaveLength(table.columns.length)
  }
  const ids = (name: string) => [...source.rows({ name })].map(([id]) => id)
  expect([ids('users'), ids('user_blocks'), ids('messages')]).toEqual([[1, 2, 3], [1, 3], [8]])
})

test('every column of the tables is among them', async () => {
  const { tables } = open(await createFile())
  const sqlite = new Sqlite(await createFile())
  onTestFinished(() => void sqlite.close())
  for (const { name, columns } of tables) {
    const all = sqlite.pragma(`table_info(${name})`) as { name: string }[]
    // Where SQLite has a message in an index says nothing to another engine.
    expect([...columns, ...(name === 'messages' ? ['is_recent'] : [])]).toEqual(
      all.map((column) => column.name),
    )
  }
})

test('a file that another program has open, be it idle, is refused', async () => {
  const path = await createFile()
  const service = await openDatabase(path, { durable: true })
  expect(() => new Export(path)).toThrow(LOCKED)
  await service.close()

  const reader = new Sqlite(path, { readonly: true })
  reader.prepare('SELECT count(*) FROM users').get()
  expect(() => new Export(path)).toThrow(LOCKED)
  reader.close()
  open(path)
})

test('until it is closed no other program opens the file; then all is as before', async () => {
  const path = await createFile('INSERT INTO users (user_id) VALUES (1)')
  const source = new Export(path)
  const rows = source.rows({ name: 'users' })
  expect(rows.next().value).toEqual([1, '', '', '', null])
  const other = new Sqlite(path, { timeout: 1 })
  onTestFinished(() => void other.close())
  expect(() => other.prepare('SELECT * FROM users').get()).toThrow('database is locked')

  rows.return(undefined)
  await source.close()
  expect(existsSync(`${path}-wal`)).toBe(false)
  const database = await openDatabase(path, { durable: true })
  await database.write(() => database.prepare<[]>('DELETE FROM users').run())
  await database.close()
})

test('a damaged file is refused, and so is one of another version or program', async () => {
  const damaged = await createFile()
  const { size } = statSync(damaged)
  writeSync(openSync(damaged, 'r+'), Buffer.alloc(4096, 0xa5), 0, 4096, size - 4096)
  expect(() => new Export(damaged)).toThrow(/ is damaged\. /)

  const old = await createFile(`PRAGMA user_version = ${SCHEMA_VERSION - 1}`)
  expect(() => new Export(old)).toThrow(/is of an older version .* Restart the chat/)
  const newer = await createFile(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  expect(() => new Export(newer)).toThrow(/was written by a newer version/)
  const foreign = await createFile('PRAGMA application_id = 7')
  expect(() => new Export(foreign)).toThrow(/belongs to another program/)
})

test('users of a daemon that died were last seen at its last heartbeat, or when they connected', async () => {
  const path = await createFile(`
    INSERT INTO users (user_id, last_seen_at)
    VALUES (1, '2026-01-01 00:00:00'), (2, NULL), (3, '2026-01-03 00:00:00');
    INSERT INTO daemons (hostname, pid, process_started_at, address, started_at, heartbeat_at, polled_at)
    VALUES ('here', 1, '', '', '2026-01-05 00:00:00', '2026-01-05 00:00:10', '');
    INSERT INTO connections (daemon_id, user_id, address, connected_at)
    VALUES (1, 1, '', '2026-01-05 00:00:05'), (1, 1, '', '2026-01-05 00:00:06'),
      (1, 2, '', '2026-01-05 00:00:12');
  `)
  const lastSeen = [...open(path).rows({ name: 'users' })].map((row) => row.at(-1))
  expect(lastSeen).toEqual(['2026-01-05 00:00:10', '2026-01-05 00:00:12', '2026-01-03 00:00:00'])
})
