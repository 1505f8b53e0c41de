import { setTimeout as delay } from 'node:timers/promises'
import type Sqlite from 'better-sqlite3'
import { ChatError } from '../errors.ts'
import { isBusy, writeError } from './errors.ts'
import { OpenedFiles } from './opened-files.ts'
import { announceCommit } from './wal-watcher.ts'

/** A write to a locked database is retried for this long, without blocking the event loop. */
const BUSY_RETRY_MS = 5_000
export const BUSY_RETRY_PAUSE_MS = 20
/** Writes in one commit. A batch holds the write lock and blocks the event loop while it runs. */
const BATCH_WRITES_MAX = 256
/** Turns of the event loop that a batch waits for, beyond its first, while they bring several writes each. */
export const GATHERED_TURNS_MAX = 4

/** The answer to a write when a database file was moved, deleted or replaced. */
const FILE_REPLACED = 'The database is not in its place: nothing can be stored.'
/** Long, as only an operator can restore the file. */
const FILE_REPLACED_RETRY_SECONDS = 30

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
 * One open SQLite file. Reads run at once. Writes go through `write`, the group commit: those of
 * some turns of the event loop, or of `commitIntervalMs`, share one transaction, and so one fsync.
 */
export class Database {
  readonly path: string
  readonly #sqlite: Sqlite.Database
  readonly #runTogether: Sqlite.Transaction<(batch: Write[]) => (() => void)[]>
  readonly #runApart: Sqlite.Transaction<(batch: Write[]) => (() => void)[]>
  readonly #runAlone: Sqlite.Transaction<(run: () => unknown) => unknown>
  readonly #dataVersion: Statement<[], number>
  readonly #files: OpenedFiles
  readonly #commitIntervalMs: number
  #flushedAt = 0
  #queue: Write[] = []
  #flushScheduled = false
  #retriedCount = 0

  /** @param commitIntervalMs the time from one commit to the next, at least */
  constructor(path: string, sqlite: Sqlite.Database, commitIntervalMs = 0) {
    this.path = path
    this.#commitIntervalMs = commitIntervalMs
    this.#sqlite = sqlite
    this.#files = new OpenedFiles(path)
    this.#dataVersion = this.prepareValue('PRAGMA data_version')
    this.#runTogether = sqlite.transaction((batch) => batch.map(answerTo))
    this.#runApart = sqlite.transaction((batch) => batch.map((write) => this.#settle(write)))
    // better-sqlite3 turns a transaction inside a transaction into a savepoint: a write that throws
    // rolls back its own changes only.
    this.#runAlone = sqlite.transaction((run) => run())
  }

  /**
   * Compiles a statement, once. For a bare parameter after LIMIT, SQLite compiles it anew each time it is
   * run, to plan with the value: that costs several times what these statements cost. So they have
   * `LIMIT +?`.
   */
  prepare<Parameters extends unknown[] | object, Row = unknown>(
    sql: string,
  ): Statement<Parameters, Row> {
    return this.#sqlite.prepare(sql) as unknown as Statement<Parameters, Row>
  }

  /** As `prepare`, for rows that are the value of their one column. */
  prepareValue<Parameters extends unknown[] | object, Value = unknown>(
    sql: string,
  ): Statement<Parameters, Value> {
    const statement = this.prepare<Parameters, Value>(sql)
    statement.pluck()
    return statement
  }

  /**
   * Runs `run` in a transaction that it shares with other writes; resolves with its result once that
   * is committed (and, in chat-api, on the disk). Rejects with the error of `run`, whose changes are
   * rolled back, or with `unavailable` when the database stays locked for BUSY_RETRY_MS, the disk is
   * full or the file was replaced. `run` must not await, and must only read and write the database:
   * it may run again.
   */
  write<Result>(run: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, resolve, reject, queuedAt: performance.now() })
      this.#scheduleFlush()
    })
  }

  /**
   * Changes whenever another connection commits. SQLite reads it from shared memory, at a sixth of
   * the cost of an empty query.
   */
  foreignVersion(): number {
    return this.#dataVersion.get() as number
  }

  /** The number of retries of writes that found the database locked. */
  get retriedCount(): number {
    return this.#retriedCount
  }

  isIntact(): boolean {
    return isIntact(this.#sqlite)
  }

  /**
   * Lets SQLite refresh the statistics that its query planner works from, where they are stale. While
   * another program writes it does nothing: it can wait.
   */
  optimize(): void {
    try {
      this.#sqlite.pragma('optimize')
    } catch (error) {
      if (!isBusy(error)) throw error
    }
  }

  /** The identity of the open file, also after it was moved, deleted or replaced. */
  get identity(): string | undefined {
    return this.#files.identity
  }

  /** Why nothing can be stored: a file was moved, deleted or replaced. Undefined while it can. */
  problem(): string | undefined {
    return this.#files.areInPlace() ? undefined : FILE_REPLACED
  }

  /** Instructions for the operator of a database that was moved, deleted or replaced. */
  rescueAdvice(): string {
    const copy = this.#files.copyCommands(`${this.path}.saved`).join(' && ')
    return `Save what is open: ${copy}; put it in the place of ${this.path}, and restart both programs`
  }

  /** Commits what is queued, then closes the file. Idempotent. */
  async close(): Promise<void> {
    while (this.#queue.length > 0) await delay(1)
    this.#sqlite.close()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    const waitMs = this.#flushedAt + this.#commitIntervalMs - performance.now()
    if (waitMs > 0) setTimeout(() => this.#flush(), Math.ceil(waitMs))
    else this.#gather()
  }

  /**
   * Commits once a turn brings at most one write. One that brings several is followed by more: their
   * senders were answered together.
   */
  #gather(queuedCount = 0, turns = 0): void {
    setImmediate(() => {
      const { length } = this.#queue
      const isGrowing = length > queuedCount + 1 && length < BATCH_WRITES_MAX
      if (isGrowing && turns < GATHERED_TURNS_MAX) this.#gather(length, turns + 1)
      else this.#flush()
    })
  }

  #flush(): void {
    this.#flushScheduled = false
    this.#flushedAt = performance.now()
    const batch = this.#queue.splice(0, BATCH_WRITES_MAX)
    if (this.#queue.length > 0) this.#scheduleFlush()
    try {
      this.#assertInPlace()
      const answers = this.#commit(batch)
      for (const answer of answers) answer()
      // A turn later, when the answers are out: the daemon that it wakes would take a processor from them.
      setImmediate(announceCommit, this.path)
    } catch (error) {
      this.#batchFailed(batch, error)
    }
  }

  /** A write into a file that was moved, deleted or replaced must not be acknowledged. */
  #assertInPlace(): void {
    const problem = this.problem()
    if (problem === undefined) return
    throw new ChatError('unavailable', problem, { retryAfterSeconds: FILE_REPLACED_RETRY_SECONDS })
  }

  /**
   * A savepoint costs as much as a write, and few writes fail: so a batch runs without savepoints,
   * and when a write throws, the batch is rolled back and runs again with one for each.
   */
  #commit(batch: Write[]): (() => void)[] {
    try {
      return this.#runTogether.immediate(batch)
    } catch (error) {
      if (isBusy(error)) throw error
      return this.#runApart.immediate(batch)
    }
  }

  /**
   * Runs one write of a batch; call the returned function to answer, once the batch is committed.
   */
  #settle(write: Write): () => void {
    try {
      const value = this.#runAlone(write.run)
      return () => write.resolve(value as never)
    } catch (error) {
      // Some errors (disk full, I/O) make SQLite roll back the whole transaction: then all have
      // failed.
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

/**
 * Whether every page is in order. Rows that another program wrote past the table's CHECKs are no damage
 * to the file: the daemon passes over them, and a restart must not be where they are found.
 */
export function isIntact(sqlite: Sqlite.Database): boolean {
  sqlite.pragma('ignore_check_constraints = ON')
  try {
    return sqlite.pragma('quick_check(1)', { simple: true }) === 'ok'
  } finally {
    sqlite.pragma('ignore_check_constraints = OFF')
  }
}

function answerTo(write: Write): () => void {
  const value = write.run()
  return () => write.resolve(value as never)
}
