import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { BUSY_RETRY_PAUSE_MS, Database, isIntact } from './database.ts'
import { corruptError, foreignError, isBusy, newerError, olderError, openError } from './errors.ts'
import { migrationsFrom, SCHEMA_VERSION } from './migrations.ts'

/** `PRAGMA application_id`, "Chat" in ASCII: it tells this database from another program's. */
export const APPLICATION_ID = 0x43686174
const SCHEMA_FILE = new URL('../../schema.sql', import.meta.url)

/** One call waits this long for a lock, and blocks the event loop meanwhile. */
const BUSY_TIMEOUT_MS = 50
/** The daemon's: its writes are retried, its sockets must not wait. */
const BUSY_TIMEOUT_MS_OF_DAEMON = 2
/** From one commit of the daemon to the next: a crowd of sockets shares them, a single one does not wait. */
const COMMIT_INTERVAL_MS_OF_DAEMON = 5
/** The daemon's cache of pages: each commit of chat-api empties it, at a cost that grows with its size. */
const CACHE_KB_OF_DAEMON = 2_000
/** Opening waits this long for a lock: of two programs that start together, one waits. */
const OPEN_RETRY_MS = 5_000
/** Opening checks files up to this size page by page; larger ones would take seconds. */
const CHECKED_BYTES_MAX = 64 * 1024 * 1024
/** SQLite's own checkpoint, in pages of 4 KB: a safety net for when checkpoint() is not called. */
const AUTOCHECKPOINT_PAGES = 16_384

interface OpenOptions {
  /**
   * true: a commit returns when it is on the disk (synchronous=FULL), as an acknowledged message
   * needs. false: a power cut may undo the last commits (synchronous=NORMAL), which suffices for
   * the daemon's own rows and keeps its event loop off the disk; they share commits over some ms.
   */
  durable: boolean
  /**
   * Called after a file of an older version is migrated, with both versions. Without it such a file
   * is rejected: a command must not change it under the services.
   */
  onMigrated?: (from: number, to: number) => void
}

/**
 * Opens the database file, creating it with schema.sql when there is none.
 *
 * @throws ChatError `setup` with one line: what is wrong with the file, and what to do
 */
export async function openDatabase(path: string, options: OpenOptions): Promise<Database> {
  const deadline = performance.now() + OPEN_RETRY_MS
  const commitIntervalMs = options.durable ? 0 : COMMIT_INTERVAL_MS_OF_DAEMON
  for (;;) {
    try {
      return new Database(path, openSqlite(resolve(path), options), commitIntervalMs)
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw openError(path, error)
      await delay(BUSY_RETRY_PAUSE_MS)
    }
  }
}

/**
 * Opens an existing database for inspection: creates, changes and checks nothing.
 *
 * @param busyTimeoutMs how long each call may wait for a lock
 */
export function openAsItIs(path: string, busyTimeoutMs: number): Database {
  return new Database(
    path,
    new Sqlite(resolve(path), { fileMustExist: true, timeout: busyTimeoutMs }),
  )
}

function openSqlite(path: string, { durable, onMigrated }: OpenOptions): Sqlite.Database {
  mkdirSync(dirname(path), { recursive: true })
  createFile(path)
  const timeout = durable ? BUSY_TIMEOUT_MS : BUSY_TIMEOUT_MS_OF_DAEMON
  const sqlite = new Sqlite(path, { timeout })
  try {
    assertOwnFile(sqlite, path)
    // Readers never wait for the writer, nor it for them; one fsync per commit.
    sqlite.pragma('journal_mode = WAL')
    sqlite.pragma(`synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    if (!durable) sqlite.pragma(`cache_size = -${CACHE_KB_OF_DAEMON}`)
    // What is deleted is overwritten, in freed pages too: FAST would leave texts in those. It costs
    // nothing that can be measured.
    sqlite.pragma('secure_delete = ON')
    // Off by default in SQLite: without it the REFERENCES in schema.sql are comments.
    sqlite.pragma('foreign_keys = ON')
    sqlite.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
    migrate(sqlite, onMigrated)
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
}

/** SQLite would omit the group's rights, whatever the umask. Its other files copy these rights. */
function createFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a'))
}

function assertOwnFile(sqlite: Sqlite.Database, path: string): void {
  const isEmpty = sqlite.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
  if (isEmpty) return
  if (sqlite.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw foreignError()
  if (versionOf(sqlite) > SCHEMA_VERSION) throw newerError(versionOf(sqlite))
  if (statSync(path).size > CHECKED_BYTES_MAX) return
  if (!isIntact(sqlite)) throw corruptError()
}

/** Creates the schema in a new file, or migrates an older one, in one transaction. Idempotent. */
function migrate(sqlite: Sqlite.Database, onMigrated: OpenOptions['onMigrated']): void {
  const found = versionOf(sqlite)
  if (found === SCHEMA_VERSION) return
  if (found > 0 && onMigrated === undefined) throw olderError(found)
  const transaction = sqlite.transaction(() => {
    // The other process may have migrated it while this one waited for the lock.
    const version = versionOf(sqlite)
    if (version > SCHEMA_VERSION) throw newerError(version)
    if (version === 0) createSchema(sqlite)
    else for (const sql of migrationsFrom(version)) sqlite.exec(sql)
    sqlite.pragma(`user_version = ${SCHEMA_VERSION}`)
    return version
  })
  const version = transaction.immediate()
  if (version > 0 && version < SCHEMA_VERSION) onMigrated?.(version, SCHEMA_VERSION)
}

function createSchema(sqlite: Sqlite.Database): void {
  sqlite.exec(readFileSync(SCHEMA_FILE, 'utf8'))
  sqlite.pragma(`application_id = ${APPLICATION_ID}`)
}

function versionOf(sqlite: Sqlite.Database): number {
  return sqlite.pragma('user_version', { simple: true }) as number
}
