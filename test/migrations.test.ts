import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { migrationsFrom, SCHEMA_VERSION } from '../src/sqlite/migrations.ts'
import { APPLICATION_ID, openDatabase } from '../src/sqlite/open-database.ts'
import { get } from './support/clients.ts'
import { runDoctor } from './support/doctor.ts'
import { temporaryFolder } from './support/folders.ts'
import { startApi, startDaemon } from './support/in-process.ts'
import { runProgram } from './support/processes.ts'
import { waitFor } from './support/wait.ts'

/** The tables as programs of older versions made them. */
const OLD_VERSIONS = [1, 2, 3, 4, 5]
const ROWS = `
  INSERT INTO users (user_id) VALUES (1), (2);
  INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 2);
  INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message)
  VALUES (1, 1, 2, 'text', 'From before'), (1, 1, 2, 'text', 'And another');
  UPDATE conversations SET last_message_id = 2, higher_unread_count = 2;
`

/** A file as a program of this version left it, with two messages that nobody has read. */
function createOldFile(path: string, version: number): void {
  const schema = new URL(`support/schema-${version}.sql`, import.meta.url)
  const sqlite = new Sqlite(path)
  sqlite.pragma('journal_mode = WAL')
  sqlite.exec(readFileSync(schema, 'utf8'))
  sqlite.exec(ROWS)
  sqlite.pragma(`application_id = ${APPLICATION_ID}`)
  sqlite.pragma(`user_version = ${version}`)
  sqlite.close()
}

function oldFolder(version = 1): { folder: string; path: string } {
  const folder = temporaryFolder()
  const path = join(folder, 'chat.db')
  createOldFile(path, version)
  return { folder, path }
}

/** All that a file holds beside its rows, and those of messages. */
function contentOf(path: string) {
  const sqlite = new Sqlite(path, { readonly: true })
  try {
    const made = sqlite.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2').all()
    return {
      version: sqlite.pragma('user_version', { simple: true }),
      schema: (made as { sql: string | null }[]).map((row) => ({
        ...row,
        // Comments may be put in other words without a new version; a column that was added stands
        // on a line of its own making.
        sql: row.sql?.replace(/--.*/g, '').replace(/\s*([\s(),])\s*/g, '$1'),
      })),
      messages: sqlite.prepare('SELECT * FROM messages ORDER BY message_id').all() as object[],
    }
  } finally {
    sqlite.close()
  }
}

test.for(OLD_VERSIONS)('a file of version %i becomes what a new one is', async (version) => {
  const { folder, path } = oldFolder(version)
  const before = contentOf(path)
  const fresh = join(folder, 'fresh.db')
  await (await openDatabase(fresh, { durable: true })).close()
  const migrations: number[][] = []
  const onMigrated = (from: number, to: number) => migrations.push([from, to])

  await (await openDatabase(path, { durable: true, onMigrated })).close()

  const after = contentOf(path)
  expect(before.version).toBe(version)
  expect(before.schema).not.toEqual(after.schema)
  const messages = before.messages.map((message) => ({ ...message, is_recent: 0 }))
  expect(after).toEqual({ ...contentOf(fresh), messages })
  expect(migrations).toEqual([[version, SCHEMA_VERSION]])
})

test('queued messages are known by their ids, and an event that no client could read stops nothing', () => {
  const sqlite = new Sqlite(oldFolder(3).path)
  onTestFinished(() => void sqlite.close())
  sqlite.pragma('ignore_check_constraints = ON')
  sqlite.exec(`
    INSERT INTO pending_events (event, user_id, data)
    VALUES ('chat:message', 2, '{"message_id":2}'), ('chat:message', 2, '{"message_id":"two"}'),
      ('shop:sale', NULL, '{"message_id":2}'), ('shop:sale', NULL, '{broken')
  `)
  sqlite.pragma('ignore_check_constraints = OFF')

  for (const sql of migrationsFrom(3)) sqlite.exec(sql)

  const select = 'SELECT event, message_id FROM pending_events ORDER BY event_id'
  expect(sqlite.prepare(select).raw().all()).toEqual([
    ['chat:message', 2],
    ['chat:message', null],
    ['shop:sale', null],
  ])
})

test('there is a migration from every version to the next, and a file of each is tried', () => {
  expect(OLD_VERSIONS).toHaveLength(SCHEMA_VERSION - 1)
  for (let version = 1; version <= SCHEMA_VERSION; version += 1) {
    expect(migrationsFrom(version)).toHaveLength(SCHEMA_VERSION - version)
  }
})

test('two programs that start at the same moment on an older file both serve it', async () => {
  const { folder, path } = oldFolder()

  const [api, daemon] = await Promise.all([startApi(folder), startDaemon(folder)])

  const said = `${api.program.output}${daemon.program.output}`
  const line = `Database ${path} migrated from schema 1 to ${SCHEMA_VERSION}`
  expect(said.split(line)).toHaveLength(2)
  const { body } = await get(`${api.url}/get_conversations.php?user_id=2`)
  expect(body.data.conversations).toMatchObject([{ unread_count: 2 }])
})

test('a locked older file is waited for', async () => {
  const { path } = oldFolder()
  const other = new Sqlite(path)
  onTestFinished(() => void other.close())
  other.exec('BEGIN IMMEDIATE')
  let isOpen = false
  const opening = openDatabase(path, { durable: true, onMigrated: () => {} }).then((database) => {
    isOpen = true
    return database
  })
  const waitedSince = performance.now()
  await waitFor(() => performance.now() - waitedSince > 300, 'some attempts')
  expect(isOpen).toBe(false)
  other.exec('ROLLBACK')
  await (await opening).close()

  expect(contentOf(path).version).toBe(SCHEMA_VERSION)
})

test('commands beside the services leave an older file alone, and say what to do', async () => {
  const { folder, path } = oldFolder()
  const before = contentOf(path)

  const listing = await runProgram('chat-websocket', ['connections'], folder)
  const { code, found } = await runDoctor(folder)

  const versions = `schema 1, this program knows ${SCHEMA_VERSION}`
  const reason = `is of an older version (${versions}). Restart the chat: that migrates it.`
  expect(listing.code).toBe(1)
  expect(listing.output).toContain(`Database ${path} ${reason}`)
  expect(code).toBe(0)
  expect(found('database')).toMatchObject({
    level: 'warning',
    message: expect.stringContaining(`will be migrated from schema 1 to ${SCHEMA_VERSION}`),
  })
  expect(contentOf(path)).toEqual(before)
})
