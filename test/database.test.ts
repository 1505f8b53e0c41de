import {
  closeSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { checkpoint, walBytes } from '../src/sqlite/checkpoint.ts'
import { Database, GATHERED_TURNS_MAX } from '../src/sqlite/database.ts'
import { SCHEMA_VERSION } from '../src/sqlite/migrations.ts'
import { openDatabase } from '../src/sqlite/open-database.ts'
import { SqliteStore } from '../src/sqlite/store.ts'
import { sendText } from './support/clients.ts'
import { temporaryFolder } from './support/folders.ts'
import { startApi, startDaemon } from './support/in-process.ts'
import { CHAT_OPTIONS, commitsInWal } from './support/open-chat.ts'
import { waitFor } from './support/wait.ts'

const MB = 1024 * 1024
const TABLES = [
  'connections',
  'conversations',
  'daemons',
  'messages',
  'pending_events',
  'user_blocks',
  'users',
  'webhooks',
]

async function open(path = join(temporaryFolder(), 'chat.db')): Promise<Database> {
  const database = await openDatabase(path, { durable: true })
  onTestFinished(() => database.close())
  return database
}

/** Another program that has the same file open. */
function openBeside(path: string): Sqlite.Database {
  const sqlite = new Sqlite(path)
  onTestFinished(() => {
    sqlite.close()
  })
  return sqlite
}

/** A chat's file with something in it, closed. */
async function createFile(): Promise<string> {
  const path = join(temporaryFolder(), 'chat.db')
  const database = await openDatabase(path, { durable: true })
  await database.write(() => insertEvents(database, 50, 'x'.repeat(1_000)))
  await database.close()
  return path
}

function insertEvents(database: Database, count: number, text = ''): void {
  const insert = database.prepare<[string]>(
    "INSERT INTO pending_events (event, data) VALUES ('test', json_quote(?))",
  )
  for (let inserted = 0; inserted < count; inserted += 1) insert.run(text)
}

function countEvents(database: Database): number | undefined {
  return database.prepare<[], number>('SELECT count(*) FROM pending_events').pluck().get()
}

function insertUser(database: Database, userId: number): void {
  database.prepare<[number]>('INSERT INTO users (user_id) VALUES (?)').run(userId)
}

function userIds(database: Database | Sqlite.Database): unknown[] {
  const sql = 'SELECT user_id FROM users ORDER BY user_id'
  const select = 'pragma' in database ? database.prepare<[]>(sql) : database.prepare<[]>(sql)
  return select.pluck().all()
}

/** What the operator is told when this file is opened. */
async function refusal(path: string): Promise<string> {
  const error = await openDatabase(path, { durable: true }).then(
    async (database) => database.close(),
    (reason) => reason,
  )
  expect(error).toMatchObject({ code: 'setup' })
  return error.message
}

/** Lets everything that is due in this turn of the event loop happen. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('opening creates the schema, in folders that were not there yet', async () => {
  const path = join(temporaryFolder(), 'a', 'b', 'chat.db')
  await open(path)
  const beside = openBeside(path)
  const tables = beside.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
  )
  expect(tables.pluck().all()).toEqual(TABLES)
  expect(beside.pragma('journal_mode', { simple: true })).toBe('wal')
  expect(beside.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION)
  expect(beside.pragma('application_id', { simple: true })).toBe(0x43686174)
})

test('opening a file again changes nothing in it', async () => {
  const path = await createFile()
  const database = await open(path)
  expect(countEvents(database)).toBe(50)
})

test('commits wait for the disk where messages are acknowledged, and only there', async () => {
  const folder = temporaryFolder()
  const synchronous = (database: Database) => database.prepare<[]>('PRAGMA synchronous').get()
  const api = await openDatabase(join(folder, 'chat.db'), { durable: true })
  expect(synchronous(api)).toEqual({ synchronous: 2 })
  await api.close()
  const daemon = await openDatabase(join(folder, 'chat.db'), { durable: false })
  expect(synchronous(daemon)).toEqual({ synchronous: 1 })
  await daemon.close()
})

test('processes that start at the same moment all open the new file', async () => {
  const folder = temporaryFolder()
  const apis = Array.from({ length: 3 }, () => startApi(folder))
  const [first] = await Promise.all([...apis, startDaemon(folder)])
  await sendText(first?.url ?? '', 1, 2, 'Hello')
  expect(openBeside(join(folder, 'chat.db')).prepare('SELECT 1 FROM messages').all()).toHaveLength(
    1,
  )
})

test('a file that is no database is refused, and left as it was', async () => {
  const path = join(temporaryFolder(), 'chat.db')
  const text = 'Dear diary, this is not a database.\n'.repeat(100)
  writeFileSync(path, text)
  const advice = 'is not an SQLite database. Move that file away or change CHAT_DATABASE.'
  expect(await refusal(path)).toBe(`Database ${path} ${advice}`)
  expect(statSync(path).size).toBe(text.length)
})

test('a row that was written past the checks of its table is no damage to the file', async () => {
  const path = join(temporaryFolder(), 'chat.db')
  await (await openDatabase(path, { durable: false })).close()
  const sqlite = new Sqlite(path)
  sqlite.pragma('ignore_check_constraints = ON')
  sqlite.exec("INSERT INTO pending_events (event, data) VALUES ('shop:news', 'no JSON')")
  sqlite.close()

  const database = await openDatabase(path, { durable: false })
  const insert = database.prepare<[]>("INSERT INTO pending_events (event, data) VALUES ('x', 'no')")
  expect(() => insert.run()).toThrow('CHECK constraint failed')
  await database.close()
})

test('a damaged file is refused with the way to save what is left', async () => {
  const overwritten = await createFile()
  const file = openSync(overwritten, 'r+')
  writeSync(file, Buffer.alloc(8 * 4096, 0xa5), 0, 8 * 4096, 4 * 4096)
  closeSync(file)
  const shortened = await createFile()
  truncateSync(shortened, statSync(shortened).size - 8 * 4096)
  for (const path of [overwritten, shortened]) {
    const way = `Restore it from a backup, or save what is readable: sqlite3 ${path} .recover`
    expect(await refusal(path)).toBe(`Database ${path} is damaged. ${way}`)
  }
})

test('a file of a newer program is refused', async () => {
  const path = await createFile()
  openBeside(path).pragma(`user_version = ${SCHEMA_VERSION + 1}`)
  const versions = `schema ${SCHEMA_VERSION + 1}, this program knows ${SCHEMA_VERSION}`
  const reason = `was written by a newer version (${versions})`
  expect(await refusal(path)).toBe(`Database ${path} ${reason}. Update this program.`)
})

test("another program's database is refused, and nothing is created in it", async () => {
  const path = join(temporaryFolder(), 'shop.db')
  const shop = openBeside(path)
  shop.exec('CREATE TABLE orders (id INTEGER)')
  const advice = "belongs to another program. Point CHAT_DATABASE at the chat's own file."
  expect(await refusal(path)).toBe(`Database ${path} ${advice}`)
  expect(shop.prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['orders'])
  expect(shop.pragma('journal_mode', { simple: true })).toBe('delete')
})

test('a path that no file can have is refused with the reason', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  mkdirSync(join(folder, 'folder'))
  const below = join(folder, 'file', 'chat.db')
  expect(await refusal(below)).toMatch(
    /^Database .+ cannot be opened for writing \(E.+\)\. Check that its folder is writable\.$/,
  )
  expect(await refusal(join(folder, 'folder'))).toContain('cannot be opened for writing')
})

test('a lock that is given up in time only delays opening and writing', async () => {
  const path = join(temporaryFolder(), 'chat.db')
  const beside = openBeside(path)
  beside.exec('BEGIN EXCLUSIVE')
  const opening = openDatabase(path, { durable: true })
  beside.exec('ROLLBACK')
  const database = await opening

  beside.exec('BEGIN IMMEDIATE')
  let isWritten = false
  const writing = database.write(() => insertUser(database, 1)).then(() => (isWritten = true))
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  expect(isWritten).toBe(false)
  await waitFor(() => database.retriedCount > 0, 'a second try')
  beside.exec('COMMIT')
  await writing
  expect(userIds(beside)).toEqual([1])
  await database.close()
})

test('writes of one turn share one commit, up to 256 of them', async () => {
  const database = await open()
  const commitsFor = async (count: number) => {
    const before = commitsInWal(database.path)
    await Promise.all(
      Array.from({ length: count }, () => database.write(() => insertEvents(database, 1))),
    )
    return commitsInWal(database.path) - before
  }
  expect(await commitsFor(1)).toBe(1)
  expect(await commitsFor(256)).toBe(1)
  expect(await commitsFor(257)).toBe(2)
  await database.write(() => insertEvents(database, 1))
  await database.write(() => insertEvents(database, 1))
  expect(commitsInWal(database.path)).toBeGreaterThan(5)
})

test('writes of turns that bring several share one commit, and a single one is not kept waiting', async () => {
  const database = await open()
  const commitsForTurns = async (counts: number[]) => {
    const before = commitsInWal(database.path)
    const writes: Promise<void>[] = []
    for (const count of counts) {
      const write = () => database.write(() => insertEvents(database, 1))
      writes.push(...Array.from({ length: count }, write))
      await nextTurn()
    }
    await Promise.all(writes)
    return commitsInWal(database.path) - before
  }
  const turns = (count: number) => Array.from({ length: count }, () => 2)
  expect(await commitsForTurns(turns(1 + GATHERED_TURNS_MAX))).toBe(1)
  expect(await commitsForTurns(turns(2 + GATHERED_TURNS_MAX))).toBe(2)
  expect(await commitsForTurns([2, 1])).toBe(1)
  expect(await commitsForTurns([1, 2])).toBe(2)
  expect(await commitsForTurns([255, 2])).toBe(2)
  expect(await commitsForTurns([256, 2])).toBe(2)
})

test('a daemon commits its first write at once, and those of some milliseconds together', async () => {
  const sqlite = openBeside((await open()).path)
  const database = new Database(sqlite.name, sqlite, 300)
  const insert = () => database.write(() => insertEvents(database, 1))
  const before = commitsInWal(database.path)
  // A timer counts from when the event loop last looked at the clock: here, it has just done so.
  await delay(1)
  const startedAt = performance.now()
  await insert()
  expect(commitsInWal(database.path) - before).toBe(1)

  const writes: Promise<void>[] = []
  for (let turn = 0; turn < 5; turn += 1) {
    writes.push(insert())
    await nextTurn()
  }
  expect(commitsInWal(database.path) - before).toBe(1)
  await Promise.all(writes)
  expect(commitsInWal(database.path) - before).toBe(2)
  expect(performance.now() - startedAt).toBeGreaterThan(299)
})

test('a write is answered with what it returned, after its commit', async () => {
  const database = await open()
  const beside = openBeside(database.path)
  const seen: unknown[] = []
  const write = (userId: number) =>
    database.write(() => {
      insertUser(database, userId)
      seen.push(userIds(beside))
      return userId
    })
  expect(await Promise.all([write(1), write(2)])).toEqual([1, 2])
  expect(seen).toEqual([[], []])
  expect(userIds(beside)).toEqual([1, 2])
})

test('each commit touches the index of the log once it is answered, whatever it wrote', async () => {
  const database = await open()
  const index = `${database.path}-shm`
  utimesSync(index, 0, 0)
  await database.write(() => 'nothing')
  expect(statSync(index).mtimeMs).toBe(0)
  await waitFor(() => statSync(index).mtimeMs > 0, 'the touch')
})

test('whoever writes keeps others from writing from its first read on', async () => {
  const database = await open()
  const other = new Sqlite(database.path, { timeout: 0 })
  onTestFinished(() => void other.close())
  let refusal: unknown

  await database.write(() => {
    // What this has read is what the write goes by: it must not change in between.
    countEvents(database)
    try {
      other.exec("INSERT INTO pending_events (event, data) VALUES ('other', '{}')")
    } catch (error) {
      refusal = error
    }
  })

  expect(refusal).toMatchObject({ code: 'SQLITE_BUSY' })
})

test('a write that fails fails alone and leaves no trace', async () => {
  const database = await open()
  const before = commitsInWal(database.path)
  const settled = await Promise.allSettled([
    database.write(() => insertUser(database, 1)),
    database.write(() => {
      insertUser(database, 2)
      throw new Error('changed my mind')
    }),
    database.write(() => {
      insertUser(database, 3)
      insertUser(database, 1)
    }),
    database.write(() => insertUser(database, 4)),
  ])
  expect(settled).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { message: 'changed my mind' } },
    { status: 'rejected', reason: { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' } },
    { status: 'fulfilled' },
  ])
  expect(userIds(openBeside(database.path))).toEqual([1, 4])
  expect(commitsInWal(database.path) - before).toBe(1)
})

const NO_ROOM = {
  code: 'unavailable',
  message: 'The server has no room to store this. Please try again later.',
  retryAfterSeconds: 30,
}

test('when there is no room the whole batch fails, and works again when there is', async () => {
  const database = await open()
  limitPages(database, 0)
  const settled = await Promise.allSettled([
    database.write(() => insertUser(database, 1)),
    database.write(() => insertEvents(database, 1, 'x'.repeat(MB / 2))),
    database.write(() => insertUser(database, 2)),
  ])
  const rejected = { status: 'rejected', reason: NO_ROOM }
  expect(settled).toMatchObject([rejected, rejected, rejected])
  expect(userIds(openBeside(database.path))).toEqual([])
  limitPages(database, 1_000)
  await database.write(() => insertEvents(database, 1, 'x'.repeat(MB / 2)))
  await database.write(() => insertUser(database, 3))
  expect(userIds(openBeside(database.path))).toEqual([3])
})

test('a write for which alone there is no room is told so, and the others stay', async () => {
  const database = await open()
  // SQLite takes back a statement of several rows, and nothing else, when it runs out of room.
  const insertTwo = database.prepare<[string]>(`
    INSERT INTO pending_events (event, data)
    SELECT 'long', json_quote(?) UNION ALL SELECT 'short', '{}'
  `)
  limitPages(database, 0)
  const settled = await Promise.allSettled([
    database.write(() => insertUser(database, 1)),
    database.write(() => insertTwo.run('x'.repeat(MB / 2))),
    database.write(() => insertUser(database, 2)),
  ])
  expect(settled).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: NO_ROOM },
    { status: 'fulfilled' },
  ])
  expect(userIds(openBeside(database.path))).toEqual([1, 2])
})

/** Lets the file grow by so many pages and no more: to SQLite, a disk of that size. */
function limitPages(database: Database, more: number): void {
  const pageCount = database.prepare<[], number>('PRAGMA page_count').pluck().get() ?? 0
  database.prepare<[]>(`PRAGMA max_page_count = ${pageCount + more}`).get()
}

test('closing commits what is queued first, and may be done twice', async () => {
  const path = join(temporaryFolder(), 'chat.db')
  const database = await openDatabase(path, { durable: true })
  const writes = Array.from({ length: 300 }, (_, index) =>
    database.write(() => insertUser(database, index + 1)),
  )
  await database.close()
  await database.close()
  await Promise.all(writes)
  expect(userIds(openBeside(path))).toHaveLength(300)
})

/** In pages: what stands in the log, and how much of it in the database file too. */
function logState(path: string): { log: number; checkpointed: number } {
  const [state] = openBeside(path).pragma('wal_checkpoint(NOOP)') as ReturnType<typeof logState>[]
  return state as ReturnType<typeof logState>
}

/** A database that has just logged so many megabytes, and perhaps a reader that holds them there. */
async function openWithLog(megabytes: number, reader?: (path: string) => void): Promise<Database> {
  const database = await open()
  reader?.(database.path)
  await database.write(() => insertEvents(database, megabytes, 'x'.repeat(MB - 2)))
  return database
}

test('a checkpoint leaves a short log, copies a long one, and lets a longer one start over', async () => {
  const short = await openWithLog(3)
  checkpoint(short.path)
  expect(logState(short.path).checkpointed).toBe(0)

  const long = await openWithLog(5)
  checkpoint(long.path)
  expect(logState(long.path).log).toBeGreaterThan((5 * MB) / 4096)
  expect(logState(long.path).checkpointed).toBe(logState(long.path).log)

  const longer = await openWithLog(17)
  const { log } = logState(longer.path)
  const size = walBytes(longer.path)
  checkpoint(longer.path)
  await longer.write(() => insertUser(longer, 1))
  expect(logState(longer.path).log).toBeLessThan(log / 100)
  expect(walBytes(longer.path)).toBe(size)
  expect(countEvents(longer)).toBe(17)
})

test('where no program checkpoints, SQLite does so itself from 64 MB on', async () => {
  const database = await openWithLog(60)
  expect(logState(database.path).checkpointed).toBe(0)
  await database.write(() => insertEvents(database, 6, 'x'.repeat(MB - 2)))
  const { log, checkpointed } = logState(database.path)
  expect(log).toBeGreaterThan((64 * MB) / 4096)
  expect(checkpointed).toBe(log)
})

test('a log that has grown beyond all measure gives its room back', async () => {
  const database = await openWithLog(129)
  expect(walBytes(database.path)).toBeGreaterThan(128 * MB)
  checkpoint(database.path)
  expect(walBytes(database.path)).toBe(0)
  expect(countEvents(database)).toBe(129)
})

test('a checkpoint does not mind somebody who reads all the while', async () => {
  let reader: Sqlite.Database | undefined
  const database = await openWithLog(17, (path) => {
    reader = openBeside(path)
    reader.exec('BEGIN')
    expect(userIds(reader)).toEqual([])
  })
  await database.write(() => insertUser(database, 1))
  const { log } = logState(database.path)

  checkpoint(database.path)
  expect(logState(database.path).log).toBe(log)
  expect(userIds(reader as Sqlite.Database)).toEqual([])

  reader?.exec('COMMIT')
  expect(userIds(reader as Sqlite.Database)).toEqual([1])
  checkpoint(database.path)
  expect(logState(database.path)).toMatchObject({ checkpointed: log })
})

test('there is no log beside a database that is not there', () => {
  expect(walBytes(join(temporaryFolder(), 'chat.db'))).toBe(0)
})

test('the tables refuse what makes no sense, whoever writes it', async () => {
  const { path } = await open()
  const beside = openBeside(path)
  beside.pragma('foreign_keys = ON')
  beside.exec('INSERT INTO users (user_id) VALUES (1), (2)')
  beside.exec('INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 2)')
  const message = (values: string) =>
    `INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message,
       media_path, file_size, media_duration) VALUES (1, ${values})`
  const event = (event: string, userId: string, data: string) =>
    `INSERT INTO pending_events (event, user_id, data) VALUES (${event}, ${userId}, ${data})`
  const taken = [
    event("'e'", '1', `'{"a":[1,"ä",null]}'`),
    event("'e'", 'NULL', "'{}'"),
    event(`'${'x'.repeat(64)}'`, '1', "'{}'"),
    event("'e'", '1', `'"${'x'.repeat(MB - 2)}"'`),
    message("1, 2, 'text', 'Hello', NULL, NULL, NULL"),
    message("1, 2, 'image', '', 'chat/images/a.jpg', 1, NULL"),
    message("1, 2, 'voice', '', 'chat/voice/a.ogg', 1, 0"),
  ]
  const refused = [
    event("'e'", '1', "'{'"),
    event("'e'", '1', "''"),
    event("'e'", '1', "'{a:1}'"),
    event("'e'", '1', 'NULL'),
    event("''", '1', "'{}'"),
    event(`'${'x'.repeat(65)}'`, '1', "'{}'"),
    event("'e'", '0', "'{}'"),
    event("'e'", "'somebody'", "'{}'"),
    event("'e'", '1', `'"${'x'.repeat(MB - 1)}"'`),
    message("1, 2, 'text', '', NULL, NULL, NULL"),
    message("1, 2, 'video', 'Hello', 'chat/a.mp4', 1, NULL"),
    message("1, 1, 'text', 'Hello', NULL, NULL, NULL"),
    message("1, 9, 'text', 'Hello', NULL, NULL, NULL"),
    message("1, 2, 'image', 'Look', NULL, NULL, NULL"),
    message("1, 2, 'image', 'Look', 'chat/images/b.jpg', 0, NULL"),
    message("1, 2, 'image', 'Look', 'chat/images/a.jpg', 1, NULL"),
    message("1, 2, 'voice', '', 'chat/voice/b.ogg', 1, -1"),
    'INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (2, 1)',
    'INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 2)',
    'INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 9)',
    'UPDATE conversations SET lower_unread_count = -1',
    'INSERT INTO users (user_id) VALUES (0)',
    'INSERT INTO user_blocks (user_id, blocked_user_id) VALUES (1, 1)',
  ]
  for (const sql of taken) beside.exec(sql)
  for (const sql of refused) {
    expect(() => beside.exec(sql), sql.slice(0, 200)).toThrow(/constraint|cannot store/)
  }
})

test('ids are never given out twice, even when everything was deleted', async () => {
  const database = await open()
  const beside = openBeside(database.path)
  beside.exec('INSERT INTO users (user_id) VALUES (1), (2)')
  const inserts: [string, string][] = [
    ['pending_events', "(event, data) VALUES ('e', '{}')"],
    ['conversations', '(lower_user_id, higher_user_id) VALUES (1, 2)'],
    [
      'messages',
      `(conversation_id, sender_id, receiver_id, message_type, message)
       VALUES ((SELECT max(conversation_id) FROM conversations), 1, 2, 'text', 'Hello')`,
    ],
  ]
  for (const [table, row] of inserts) {
    const insert = () => Number(beside.prepare(`INSERT INTO ${table} ${row}`).run().lastInsertRowid)
    const first = insert()
    beside.prepare(`DELETE FROM ${table}`).run()
    expect({ table, second: insert() }).toEqual({ table, second: first + 1 })
  }
})

/** What may be gone through from end to end: what is small by nature, and what a query has chosen. */
const SCANNED = [
  'mine',
  '(subquery',
  'json_each',
  'sqlite_sequence',
  'connections',
  'daemons',
  'receivers',
]
/**
 * Of the daemon's start and stop, of `chat-websocket connections`, and of operators who look: nobody's
 * message waits.
 */
const UNHURRIED = [
  'created_at < ?',
  'user_id IN (SELECT user_id FROM connections)',
  'ORDER BY connections.connection_id',
  'AS oldestAt',
]

test('no query that clients wait for reads a table that grows from end to end', async () => {
  const plans = await queryPlans()
  for (const { sql, plan } of plans.filter((query) => !contains(query.sql, UNHURRIED))) {
    const scans = plan.filter((step) => step.startsWith('SCAN '))
    const ofGrowing = scans.filter((scan) => !contains(scan, SCANNED))
    expect({ sql, ofGrowing }).toEqual({ sql, ofGrowing: [] })
  }
})

function contains(text: string, parts: string[]): boolean {
  return parts.some((part) => text.includes(part))
}

test('conversations, history and events come sorted from an index, page by page', async () => {
  const plans = await queryPlans()
  const listings = [
    { part: 'ORDER BY mine.last_message_id', index: 'conversations_of_lower_user' },
    { part: 'ORDER BY mine.last_message_id', index: 'conversations_of_higher_user' },
    { part: '< @beforeMessageId', index: 'messages_of_conversation' },
    { part: 'SELECT event_id, event, user_id', index: 'PRIMARY KEY (rowid>?)' },
    { part: 'SELECT event_id AS eventId, message_id', index: 'PRIMARY KEY (rowid>?)' },
    { part: 'SELECT message_id AS messageId, message', index: 'PRIMARY KEY (rowid>?)' },
  ]
  for (const { part, index } of listings) {
    const [found, ...others] = plans.filter(({ sql }) => sql.includes(part))
    expect(others).toEqual([])
    const steps = found?.plan.join('\n') ?? ''
    expect(steps).toContain(index)
    expect(steps).not.toContain('TEMP B-TREE')
  }
})

test('what somebody was sent is looked up by receiver, from a message on', async () => {
  const plans = await queryPlans()
  const lookups = [
    { part: 'messages.message_id > @messageId\n   LIMIT +@limit', count: 2 },
    { part: 'ORDER BY messages.message_id\n        LIMIT +@limit', count: 2 },
    { part: 'SELECT count(*) AS count, max(message_id)', count: 1 },
    { part: 'UPDATE messages SET read_at = @readAt', count: 1 },
  ]
  for (const { part, count } of lookups) {
    const [found, ...others] = plans.filter(({ sql }) => sql.includes(part))
    expect([part, others]).toEqual([part, []])
    const steps = found?.plan.filter((step) => step.includes('messages_of_conversation')) ?? []
    const ranges = steps.filter((step) =>
      /\(is_recent=\? AND conversation_id=\? AND receiver_id=\? AND rowid>/.test(step),
    )
    expect([part, ranges.length]).toEqual([part, count])
  }
})

test('no statement is compiled again for the value of its limit', async () => {
  const plans = await queryPlans()
  const limited = plans.filter(({ sql }) => /LIMIT +\+?[?@]/.test(sql))
  expect(limited.length).toBeGreaterThan(8)
  expect(limited.filter(({ sql }) => /LIMIT +[?@]/.test(sql))).toEqual([])
})

/** How SQLite answers each query of the chat, in a database that is full and measured. */
async function queryPlans(): Promise<{ sql: string; plan: string[] }[]> {
  const database = await open()
  const queries: string[] = []
  const prepare = database.prepare.bind(database)
  database.prepare = (sql: string) => {
    queries.push(sql)
    return prepare(sql)
  }
  const { messages, events } = new SqliteStore(database, {
    ...CHAT_OPTIONS,
    webhookUrl: 'https://shop.example/push',
  })
  const sends = Array.from({ length: 1_000 }, (_, index) =>
    messages.post({ senderId: 1 + (index % 7), receiverId: 10 + (index % 50), message: 'Hello' }),
  )
  await Promise.all([...sends, events.broadcast('test', null, {})])
  events.tail()
  const beside = openBeside(database.path)
  beside.exec('ANALYZE')
  return queries.map((sql) => ({ sql, plan: queryPlan(beside, sql) }))
}

function queryPlan(sqlite: Sqlite.Database, sql: string): string[] {
  const explain = sqlite.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
  const names = [...sql.matchAll(/@(\w+)/g)].map(([, name]) => [name, 1])
  const values = [...sql.matchAll(/\?/g)].map(() => 1)
  const rows = names.length > 0 ? explain.all(Object.fromEntries(names)) : explain.all(...values)
  return rows.map((row) => row.detail)
}

test('a lock that is not given up is told of after some seconds, to starters and senders', async () => {
  const fresh = join(temporaryFolder(), 'chat.db')
  openBeside(fresh).exec('BEGIN EXCLUSIVE')
  const database = await open()
  const beside = openBeside(database.path)
  beside.exec('BEGIN EXCLUSIVE')

  const [told, failed] = await Promise.all([
    refusal(fresh),
    Promise.allSettled([1, 2].map((id) => database.write(() => insertUser(database, id)))),
  ])

  const advice = `is locked by another program. Find it with: fuser ${fresh}`
  expect(told).toBe(`Database ${fresh} ${advice}; close it and start again.`)
  const message = 'The database is busy. Please try again in a moment.'
  const reason = { code: 'unavailable', message, retryAfterSeconds: 1 }
  expect(failed).toMatchObject([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ])
  beside.exec('ROLLBACK')
  await database.write(() => insertUser(database, 3))
  expect(userIds(beside)).toEqual([3])
})

test('statistics are not refreshed while another program writes', async () => {
  const database = await open()
  await database.write(() => {
    for (const userId of [1, 2]) insertUser(database, userId)
    database.prepare<[]>('INSERT INTO user_blocks (user_id, blocked_user_id) VALUES (1, 2)').run()
  })
  // SQLite wants statistics of the tables that it has planned queries for.
  database.prepare<[]>('SELECT * FROM user_blocks WHERE blocked_user_id = 2').all()
  const statistics = () =>
    database
      .prepareValue<[]>("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
      .get()
  const other = openBeside(database.path)

  other.exec('BEGIN IMMEDIATE')
  database.optimize()
  expect(statistics()).toBe(0)
  other.exec('ROLLBACK')
  database.optimize()
  expect(statistics()).toBe(1)
})
