import { setTimeout as delay } from 'node:timers/promises'
import { createPool, type Pool, type PoolConnection, type ResultSetHeader } from 'mysql2/promise'
import type { DatabaseAddress } from './address.ts'
import { CommitUnknown, callerError, isConnectionError, isRetried } from './errors.ts'
import { type Query, Session, type Values, withDeadline } from './session.ts'
import { Transaction } from './transaction.ts'

/** One process's connections. Sends share one transaction; the others are for reads and receipts. */
const CONNECTIONS_MAX = 10
const CONNECT_TIMEOUT_MS = 3_000
/** A transaction is tried again for this long; then its caller is told to. */
const RETRY_MS = 5_000
const RETRY_PAUSE_MS_MIN = 5
const RETRY_PAUSE_MS_MAX = 50

/**
 * READ COMMITTED: a read after the locks sees what their last holders committed, and nothing takes
 * gap locks. The sql_mode is ours, so that a server's own neither cuts a text short nor changes how
 * values are quoted.
 */
const SESSION = `
  SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
  SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 3,
    sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'
`
/** MariaDB's: a process that is frozen within a transaction must not hold its shards for ever. */
const MARIADB_SESSION = 'SET SESSION idle_write_transaction_timeout = 3, max_statement_time = 5'

export interface TransactOptions {
  /** In ascending order: see shards.ts. */
  shards: number[]
  /** What is read with the locks, in the same round trip. */
  reads?: readonly Query[]
  /**
   * Whether the transaction may run again when nobody knows if its commit took place; otherwise it
   * rejects with CommitUnknown then.
   */
  isIdempotent?: boolean
}

/** A database on a MySQL-protocol server: a pool of connections, and transactions over shards. */
export class MysqlDatabase {
  readonly #pool: Pool
  #retriedCount = 0
  #problem: string | undefined
  #clockOffsetMs = 0

  constructor(address: DatabaseAddress) {
    const { host, port, user, password, database, ca } = address
    this.#pool = createPool({
      host,
      port,
      user,
      password,
      database,
      ...(ca === undefined ? {} : { ssl: { ca } }),
      connectionLimit: CONNECTIONS_MAX,
      connectTimeout: CONNECT_TIMEOUT_MS,
      charset: 'utf8mb4_bin',
      timezone: 'Z',
      dateStrings: true,
      decimalNumbers: true,
      multipleStatements: true,
      namedPlaceholders: true,
    })
    this.#pool.pool.on('connection', (connection) => {
      connection.query(SESSION, () => {})
      // MySQL does not know them.
      connection.query(MARIADB_SESSION, () => {})
    })
  }

  /** The pool itself, for a library that brings its own statements. */
  get pool(): Pool {
    return this.#pool
  }

  /** The number of retries of transactions. */
  get retriedCount(): number {
    return this.#retriedCount
  }

  /** Why nothing can be stored, as far as the last statement showed; undefined while it can. */
  problem(): string | undefined {
    return this.#problem
  }

  /** The time by the database's clock: those of several hosts differ. */
  readonly now = (): Date => new Date(Date.now() + this.#clockOffsetMs)

  /** Compares this host's clock with the database's. */
  async syncClock(): Promise<void> {
    const startedAt = Date.now()
    const [row] = await this.read<{ ms: number }>(
      'SELECT ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS ms',
    )
    if (row !== undefined) this.#clockOffsetMs = row.ms - (startedAt + Date.now()) / 2
  }

  /** Reads outside of any transaction. A connection that turns out to be dead is replaced, once. */
  async read<Row>(sql: string, values: Values = []): Promise<Row[]> {
    try {
      return await this.#use((session) => session.run<Row[]>(sql, values))
    } catch (error) {
      if (!isConnectionError(error)) throw error
      return await this.#explained(() => this.#use((session) => session.run<Row[]>(sql, values)))
    }
  }

  /** As `read`, for the first column of the first row; undefined for none. */
  async readValue<Value>(sql: string, values: Values = []): Promise<Value | undefined> {
    const [row] = await this.read<Record<string, Value>>(sql, values)
    return row && Object.values(row)[0]
  }

  /**
   * Runs one statement that is a transaction of its own, and does no harm when it runs twice;
   * resolves with the number of rows that it found.
   */
  async write(sql: string, values: Values = []): Promise<number> {
    return (await this.#writeAlone(sql, values)).affectedRows
  }

  /** As `write`, for a row with an AUTO_INCREMENT; resolves with its id. */
  async insert(sql: string, values: Values): Promise<number> {
    return (await this.#writeAlone(sql, values)).insertId
  }

  /** Reads several things as they were at one moment. */
  snapshot<Results extends unknown[]>(reads: readonly Query[]): Promise<Results> {
    const queries: Query[] = [
      ['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', []],
      ['START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY', []],
      ...reads,
      ['COMMIT', []],
    ]
    return this.#explained(async () => {
      const results = await this.#use((session) => session.runAll<unknown[]>(queries))
      return results.slice(2, -1) as Results
    })
  }

  /**
   * Runs `run` in a transaction that holds the locks of these shards, with what `reads` found. It
   * may run again, so it must change nothing but the database. Resolves when it is committed.
   *
   * @throws ChatError `unavailable` when it could not be committed within RETRY_MS; CommitUnknown
   */
  transact<Result>(
    { shards, reads = [], isIdempotent = false }: TransactOptions,
    run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
  ): Promise<Result> {
    return this.#retried(
      () => this.#use((session) => attempt(session, shards, reads, run)),
      isIdempotent,
    )
  }

  /** As `transact`; what is not known to be committed is `unavailable`. */
  async change<Result>(
    options: TransactOptions,
    run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
  ): Promise<Result> {
    return this.#explained(() => this.transact(options, run))
  }

  /** Lends out two connections at once: a lock on one, changes of tables on the other. */
  exclusively<Result>(
    work: (locking: Session, changing: Session) => Promise<Result>,
  ): Promise<Result> {
    return this.#use((locking) => this.#use((changing) => work(locking, changing)))
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#pool.end()
  }

  #writeAlone(sql: string, values: Values): Promise<ResultSetHeader> {
    const write = (session: Session) => session.run<ResultSetHeader>(sql, values)
    return this.#explained(() => this.#retried(() => this.#use(write), true))
  }

  async #use<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = new Session(await this.#connect())
    let isClean = false
    try {
      const result = await work(session)
      isClean = true
      this.#problem = undefined
      return result
    } catch (error) {
      if (isConnectionError(error)) this.#problem = 'The database cannot be reached.'
      isClean = await session.rollback()
      throw error
    } finally {
      session.release(isClean)
    }
  }

  /** A connection that comes after the deadline goes back to the pool. */
  async #connect(): Promise<PoolConnection> {
    const connecting = this.#pool.getConnection()
    try {
      return await withDeadline(connecting)
    } catch (error) {
      this.#problem = 'The database cannot be reached.'
      connecting.then((connection) => connection.release()).catch(() => {})
      throw error
    }
  }

  async #retried<Result>(work: () => Promise<Result>, isIdempotent: boolean): Promise<Result> {
    const deadline = performance.now() + RETRY_MS
    for (;;) {
      try {
        return await work()
      } catch (error) {
        const isUnknown = error instanceof CommitUnknown
        const mayRetry = isUnknown ? isIdempotent : isRetried(error)
        if (!mayRetry || performance.now() > deadline) throw error
        this.#retriedCount += 1
        const spread = RETRY_PAUSE_MS_MAX - RETRY_PAUSE_MS_MIN
        await delay(RETRY_PAUSE_MS_MIN + Math.random() * spread)
      }
    }
  }

  async #explained<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw callerError(error)
    }
  }
}

async function attempt<Result>(
  session: Session,
  shards: number[],
  reads: readonly Query[],
  run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
): Promise<Result> {
  const [, , rows, ...found] = await session.runAll<LockResults>([...lock(shards), ...reads])
  const lastSeqs = new Map(rows.map(({ shard, lastSeq }) => [shard, lastSeq]))
  const transaction = new Transaction(session, lastSeqs)
  const result = await run(transaction, ...(found as never[]))
  try {
    await session.runAll(transaction.end())
  } catch (error) {
    throw isConnectionError(error) ? new CommitUnknown(error) : error
  }
  return result
}

type LockResults = [unknown, unknown, { shard: number; lastSeq: number }[], ...unknown[]]

/**
 * Begins a transaction and locks shards, the lowest first, so that no two wait for each other. The
 * locks are writes: a cluster does not tell its nodes of a lock that writes nothing.
 */
function lock(shards: number[]): Query[] {
  return [
    ['START TRANSACTION', []],
    [
      'UPDATE event_shards SET lock_count = lock_count + 1 WHERE shard IN (?) ORDER BY shard',
      [shards],
    ],
    ['SELECT shard, last_seq AS lastSeq FROM event_shards WHERE shard IN (?)', [shards]],
  ]
}
