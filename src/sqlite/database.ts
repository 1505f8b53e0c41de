import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { ChatError, systemCode } from '../errors.ts'
import { migrationsFrom, SCHEMA_VERSION } from './migrations.ts'
import { fileIdentity, OpenedFiles } from './opened-files.ts'
import { announceCommit } from './wal-watcher.ts'

/** `PRAGMA application_id`: "Chat" in ASCII, so that no other program's database is taken for ours. */
export const APPLICATION_ID = 0x43686174
const SCHEMA_FILE = new URL('../../schema.sql', import.meta.url)

/** SQLite waits this long for a lock inside one call, and the event loop with it: so, not long. */
const BUSY_TIMEOUT_MS = 50
/** The daemon's: what it has to write can wait, and is tried again; its sockets cannot. */
const BUSY_TIMEOUT_MS_OF_DAEMON = 2
/** How long a write is tried again, the event loop running in between, before the caller is told. */
const BUSY_RETRY_MS = 5_000
const BUSY_RETRY_PAUSE_MS = 20
/** How long opening waits for a lock: one of two that start together waits for the other. */
const OPEN_RETRY_MS = 5_000
/** Writes that share one commit. A batch holds the write lock and the event loop while it runs. */
const BATCH_WRITES_MAX = 256
/** Opening checks files up to this size page by page; larger ones would take seconds. */
const CHECKED_BYTES_MAX = 64 * 1024 * 1024
/** SQLite's own checkpoint, in pages of 4 KB: a net for when checkpoint() is not called. */
const AUTOCHECKPOINT_PAGES = 16_384
const PAGE_BYTES = 4096
/** A WAL with less than this in it is left alone: copying it back would cost more than it saves. */
export const WAL_COPIED_BYTES_MIN = 4 * 1024 * 1024
/** With more than this in it the WAL is to start over. */
const WAL_RESTARTED_BYTES_MIN = 16 * 1024 * 1024
/** A file that has grown beyond this, while somebody kept a read open, gives its room back. */
const WAL_TRUNCATED_BYTES_MIN = 128 * 1024 * 1024

/** What clients are told of writes to a database that was moved, deleted or replaced. */
const OUT_OF_PLACE = 'The database is not in its place: nothing can be stored.'
/** It takes an operator to put it there. */
const OUT_OF_PLACE_RETRY_SECONDS = 30

export type Statement<Parameters extends unknown[] | object, Row = unknown> = Sqlite.Statement<
  Parameters extends unknown[] ? Parameters : [Parameters],
  Row
>

interface Write {
  run: () => unknown
  resolve: (value: never) => void
  reject: (error: unknown) => void
  queuedAt: number
}

/**
 * One open SQLite file. Reads happen at once; writes go through `write`, where those that arrive in
 * the same turn of the event loop share one transaction, so that one fsync pays for all of them.
 */
export class Database {
  readonly path: string
  readonly #sqlite: Sqlite.Database
  readonly #runTogether: Sqlite.Transaction<(batch: Write[]) => (() => void)[]>
  readonly #runApart: Sqlite.Transaction<(batch: Write[]) => (() => void)[]>
  readonly #runAlone: Sqlite.Transaction<(run: () => unknown) => unknown>
  readonly #dataVersion: Statement<[], number>
  readonly #files: OpenedFiles
  #queue: Write[] = []
  #flushScheduled = false
  #retriedCount = 0

  constructor(path: string, sqlite: Sqlite.Database) {
    this.path = path
    this.#sqlite = sqlite
    this.#files = new OpenedFiles(path)
    this.#dataVersion = this.prepare<[], number>('PRAGMA data_version').pluck()
    this.#runTogether = sqlite.transaction((batch) => batch.map(answerTo))
    this.#runApart = sqlite.transaction((batch) => batch.map((write) => this.#settle(write)))
    // better-sqlite3 turns a transaction inside a transaction into a savepoint: a write that throws
    // undoes its own changes and no one else's.
    this.#runAlone = sqlite.transaction((run) => run())
  }

  prepare<Parameters extends unknown[] | object, Row = unknown>(
    sql: string,
  ): Statement<Parameters, Row> {
    return this.#sqlite.prepare(sql) as unknown as Statement<Parameters, Row>
  }

  /**
   * Runs `run` inside a transaction that is shared with the other writes of this turn, and resolves
   * with what it returned once that transaction is committed (and, in chat-api, on the disk).
   * Rejects with what `run` threw, leaving no trace of it, or with `unavailable` when the database
   * stayed locked for BUSY_RETRY_MS, the disk is full or the file is not in its place. `run` must not
   * await, and must do nothing but read and write the database: it may be run again.
   */
  write<Result>(run: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, resolve, reject, queuedAt: performance.now() })
      this.#scheduleFlush()
    })
  }

  /**
   * Something that is not what it was once another connection has committed anything.
   * SQLite reads it from memory that all of them share, for a sixth of what an empty query costs.
   */
  foreignVersion(): number {
    return this.#dataVersion.get() as number
  }

  /** How often a write found the database locked, and had to be tried again. */
  get retriedCount(): number {
    return this.#retriedCount
  }

  /** Runs `run` on one snapshot of the database. It must not await, and must not write. */
  read<Result>(run: () => Result): Result {
    return this.#sqlite.transaction(run).deferred()
  }

  /** Lets SQLite refresh the statistics that its query planner works from, where they are stale. */
  optimize(): void {
    this.#sqlite.pragma('optimize')
  }

  /** Which file it has opened, whatever has become of the name. */
  get identity(): string | undefined {
    return this.#files.identity
  }

  /** Why nothing can be stored: a file was moved, deleted or replaced. Undefined while it can. */
  problem(): string | undefined {
    return this.#files.areInPlace() ? undefined : OUT_OF_PLACE
  }

  /** What an operator is to do whose database was moved, deleted or replaced under this process. */
  rescueAdvice(): string {
    const copy = this.#files.copyCommands(`${this.path}.saved`).join(' && ')
    return `Save what is open: ${copy}; put it in the place of ${this.path}, and restart both programs`
  }

  /** Commits what is queued, then closes the file. Safe to call twice. */
  async close(): Promise<void> {
    while (this.#queue.length > 0) await delay(1)
    this.#sqlite.close()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#flushScheduled = false
    const batch = this.#queue.splice(0, BATCH_WRITES_MAX)
    if (this.#queue.length > 0) this.#scheduleFlush()
    try {
      this.#refuseOutOfPlace()
      const answers = this.#commit(batch)
      announceCommit(this.path)
      for (const answer of answers) answer()
    } catch (error) {
      this.#batchFailed(batch, error)
    }
  }

  /** Nothing is acknowledged into a file that is not there any more. */
  #refuseOutOfPlace(): void {
    const problem = this.problem()
    if (problem === undefined) return
    throw new ChatError('unavailable', problem, { retryAfterSeconds: OUT_OF_PLACE_RETRY_SECONDS })
  }

  /**
   * Hardly ever does a write fail, and a savepoint around each costs as much as the write: so all run
   * together first, and only when one has thrown they are undone and each runs by itself.
   */
  #commit(batch: Write[]): (() => void)[] {
    try {
      return this.#runTogether.immediate(batch)
    } catch (error) {
      if (isBusy(error)) throw error
      return this.#runApart.immediate(batch)
    }
  }

  /** Runs one write of a batch; the returned function tells its caller, once the batch is committed. */
  #settle(write: Write): () => void {
    try {
      const value = this.#runAlone(write.run)
      return () => write.resolve(value as never)
    } catch (error) {
      // Some errors (disk full, I/O) make SQLite roll back the whole transaction: then all have failed.
      if (!this.#sqlite.inTransaction) throw error
      return () => write.reject(writeError(error))
    }
  }

  #batchFailed(batch: Write[], error: unknown): void {
    const retriedSince = performance.now() - BUSY_RETRY_MS
    const retried = isBusy(error) ? batch.filter((write) => write.queuedAt > retriedSince) : []
    const failed = batch.filter((write) => !retried.includes(write))
    for (const write of failed) write.reject(writeError(error))
    if (retried.length === 0) return
    this.#retriedCount += retried.length
    this.#queue.unshift(...retried)
    this.#flushScheduled = true
    setTimeout(() => this.#flush(), BUSY_RETRY_PAUSE_MS)
  }
}

function answerTo(write: Write): () => void {
  const value = write.run()
  return () => write.resolve(value as never)
}

export interface OpenOptions {
  /**
   * true: a commit returns when it is on the disk (synchronous=FULL), what an acknowledged message
   * needs. false: a power cut may undo the last moments (synchronous=NORMAL), which is all the
   * daemon's own bookkeeping needs and keeps its event loop off the disk.
   */
  durable: boolean
  /**
   * Lets a file of an older version be migrated, and is told from which and to which once it is.
   * Without it such a file is refused: a command must not change it under the services.
   */
  onMigrated?: (from: number, to: number) => void
}

/**
 * Opens the database file, creating it with schema.sql when there is none.
 *
 * @throws ChatError `setup`: one line that says what is wrong with the file and what to do.
 */
export async function openDatabase(path: string, options: OpenOptions): Promise<Database> {
  const deadline = performance.now() + OPEN_RETRY_MS
  for (;;) {
    try {
      return new Database(path, openSqlite(resolve(path), options))
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw openError(path, error)
      await delay(BUSY_RETRY_PAUSE_MS)
    }
  }
}

/**
 * Opens an existing database as it is, for looking at it: nothing is created, changed or checked.
 *
 * @param busyTimeoutMs how long each call may wait for a lock
 */
export function openAsItIs(path: string, busyTimeoutMs: number): Database {
  return new Database(
    path,
    new Sqlite(resolve(path), { fileMustExist: true, timeout: busyTimeoutMs }),
  )
}

/**
 * The write-ahead log beside the database file: how long it is, and when it was last written to (in
 * ms since 1970). Both 0 when there is none.
 */
export function walState(path: string): { bytes: number; writtenAt: number } {
  const stats = statSync(`${path}-wal`, { throwIfNoEntry: false })
  return { bytes: stats?.size ?? 0, writtenAt: stats?.mtimeMs ?? 0 }
}

/** Bytes in the write-ahead log beside the database file; 0 when there is none. */
export function walBytes(path: string): number {
  return walState(path).bytes
}

/**
 * Copies the WAL back into the database file, on a connection of its own: the copying waits for the
 * disk, so it belongs on another thread than the one that serves clients (checkpoint-worker.ts).
 *
 * @param identity of the file that is meant: should another one have its name by now, the WAL that
 *   still lies beside it is not its own, and copying that would ruin both
 */
export function checkpoint(path: string, identity = fileIdentity(path)): void {
  const sqlite = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS })
  try {
    // Before anything is read: until then SQLite has opened the file, and not the WAL.
    if (fileIdentity(path) !== identity) return
    if (walBytes(path) >= WAL_TRUNCATED_BYTES_MIN) return void runCheckpoint(sqlite, 'TRUNCATE')
    const { log, checkpointed } = runCheckpoint(sqlite, 'NOOP')
    if (log === checkpointed || log * PAGE_BYTES < WAL_COPIED_BYTES_MIN) return
    runCheckpoint(sqlite, 'PASSIVE')
    // Under steady load there is always a newer frame, so a passive checkpoint never lets the log
    // start over. Once it is long, do so by holding writers back for the few frames that are left.
    // Its file is kept: to write over a block is cheaper than to have the file system find another.
    if (log * PAGE_BYTES >= WAL_RESTARTED_BYTES_MIN) runCheckpoint(sqlite, 'RESTART')
  } finally {
    sqlite.close()
  }
}

/** In pages: how much stands in the WAL, and how much of that in the database file too. */
interface CheckpointResult {
  log: number
  checkpointed: number
}

function runCheckpoint(
  sqlite: Sqlite.Database,
  mode: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE',
): CheckpointResult {
  const [result] = sqlite.pragma(`wal_checkpoint(${mode})`) as CheckpointResult[]
  return result as CheckpointResult
}

function openSqlite(path: string, { durable, onMigrated }: OpenOptions): Sqlite.Database {
  mkdirSync(dirname(path), { recursive: true })
  createFile(path)
  const timeout = durable ? BUSY_TIMEOUT_MS : BUSY_TIMEOUT_MS_OF_DAEMON
  const sqlite = new Sqlite(path, { timeout })
  try {
    refuseForeignFile(sqlite, path)
    // Readers never wait for the writer, nor it for them; one fsync a commit.
    sqlite.pragma('journal_mode = WAL')
    sqlite.pragma(`synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    // Off unless asked for, in SQLite: without it the REFERENCES in schema.sql are comments.
    sqlite.pragma('foreign_keys = ON')
    sqlite.pragma(`wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
    bringUpToDate(sqlite, onMigrated)
    return sqlite
  } catch (error) {
    sqlite.close()
    throw error
  }
}

/** SQLite itself would leave out the group, whatever the umask; its other files take after this one. */
function createFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, 'a'))
}

function refuseForeignFile(sqlite: Sqlite.Database, path: string): void {
  const isEmpty = sqlite.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0
  if (isEmpty) return
  if (sqlite.pragma('application_id', { simple: true }) !== APPLICATION_ID) throw foreignError()
  if (versionOf(sqlite) > SCHEMA_VERSION) throw newerError(versionOf(sqlite))
  if (statSync(path).size > CHECKED_BYTES_MAX) return
  if (sqlite.pragma('quick_check(1)', { simple: true }) !== 'ok') throw corruptError()
}

/** Fills a new file, and migrates an older one: all of it or nothing, however the process ends. */
function bringUpToDate(sqlite: Sqlite.Database, onMigrated: OpenOptions['onMigrated']): void {
  const found = versionOf(sqlite)
  if (found === SCHEMA_VERSION) return
  if (found > 0 && onMigrated === undefined) throw olderError(found)
  const bring = sqlite.transaction(() => {
    // The other process may have done it while this one waited for the lock.
    const version = versionOf(sqlite)
    if (version > SCHEMA_VERSION) throw newerError(version)
    if (version === 0) createSchema(sqlite)
    else for (const sql of migrationsFrom(version)) sqlite.exec(sql)
    sqlite.pragma(`user_version = ${SCHEMA_VERSION}`)
    return version
  })
  const version = bring.immediate()
  if (version > 0 && version < SCHEMA_VERSION) onMigrated?.(version, SCHEMA_VERSION)
}

function createSchema(sqlite: Sqlite.Database): void {
  sqlite.exec(readFileSync(SCHEMA_FILE, 'utf8'))
  sqlite.pragma(`application_id = ${APPLICATION_ID}`)
}

function versionOf(sqlite: Sqlite.Database): number {
  return sqlite.pragma('user_version', { simple: true }) as number
}

function isBusy(error: unknown): boolean {
  return systemCode(error).startsWith('SQLITE_BUSY')
}

function writeError(error: unknown): unknown {
  if (isBusy(error)) {
    const message = 'The database is busy. Please try again in a moment.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 1 })
  }
  if (systemCode(error) === 'SQLITE_FULL') {
    const message = 'The server has no room to store this. Please try again later.'
    return new ChatError('unavailable', message, { cause: error, retryAfterSeconds: 30 })
  }
  return error
}

export function foreignError(): ChatError {
  const message = "belongs to another program. Point CHAT_DATABASE at the chat's own file."
  return new ChatError('setup', message)
}

export function newerError(version: number): ChatError {
  const versions = `schema ${version}, this program knows ${SCHEMA_VERSION}`
  const message = `was written by a newer version (${versions}). Update this program.`
  return new ChatError('setup', message)
}

function olderError(version: number): ChatError {
  const versions = `schema ${version}, this program knows ${SCHEMA_VERSION}`
  const message = `is of an older version (${versions}). Restart the chat: that migrates it.`
  return new ChatError('setup', message)
}

export function corruptError(cause?: unknown): ChatError {
  const message =
    'is damaged. Restore it from a backup, or save what is readable: sqlite3 FILE .recover'
  return new ChatError('setup', message, { cause })
}

/** What the operator is told of a database that does not let a program start. */
export function openError(path: string, error: unknown): ChatError {
  const advice = setupError(error).message.replace('FILE', path)
  return new ChatError('setup', `Database ${path} ${advice}`, { cause: error })
}

function setupError(error: unknown): { message: string } {
  const code = systemCode(error)
  if (isBusy(error) || (error instanceof ChatError && error.code === 'unavailable')) {
    return {
      message: 'is locked by another program. Find it with: fuser FILE; close it and start again.',
    }
  }
  if (error instanceof ChatError) return error
  if (code === 'SQLITE_NOTADB') {
    return { message: 'is not an SQLite database. Move that file away or change CHAT_DATABASE.' }
  }
  if (code.startsWith('SQLITE_CORRUPT')) return corruptError(error)
  const reason = error instanceof Error ? error.message : String(error)
  return { message: `cannot be opened for writing (${reason}). Check that its folder is writable.` }
}
