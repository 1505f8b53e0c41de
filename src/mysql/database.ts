import { setTimeout as delay } from 'node:timers/promises'
import type { ResultSetHeader } from 'mysql2/promise'
import type { DatabaseAddress } from './address.ts'
import { Durability } from './durability.ts'
import {
  CommitUnknown,
  callerError,
  isCommitUnknown,
  isLockWait,
  isReadAgain,
  isRetried,
} from './errors.ts'
import { findHeld, type LockResults, lock } from './locks.ts'
import { Pool } from './pool.ts'
import type { Query, Session, Values } from './session.ts'
import { Transaction } from './transaction.ts'

const SNAPSHOT = `
  SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
  START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY
`
/** A transaction is tried again for this long; then its caller is told to. */
const RETRY_MS = 5_000
const RETRY_PAUSE_MS_MIN = 5
const RETRY_PAUSE_MS_MAX = 50

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
  /** Whether it rejects when it has waited for a lock, instead of waiting again. */
  failsOnLockWait?: boolean
  /** Whether it waits for a lock for as long as the server lets it. */
  isPatient?: boolean
}

/** A database on a MySQL-protocol server: a pool of connections, and transactions over shards. */
export class MysqlDatabase {
  readonly #pool: Pool
  readonly #durability = new Durability()
  #retriedCount = 0
  #clockOffsetMs = 0

  constructor(address: DatabaseAddress) {
    this.#pool = new Pool(address)
  }

  /** The number of retries of transactions. */
  get retriedCount(): number {
    return this.#retriedCount
  }

  /** As Pool.problem. */
  problem(): string | undefined {
    return this.#pool.problem
  }

  /** As Pool.exclusively; the work may run again. */
  exclusively<Result>(
    work: (locking: Session, changing: Session) => Promise<Result>,
  ): Promise<Result> {
    return this.#retried(() => this.#pool.exclusively(work), isRetried)
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

  /** Call once the tables are there. */
  async checkDurability(): Promise<void> {
    await this.#durability.check((sql) => this.read(sql))
  }

  /** Reads outside of any transaction; again, once, over a dead connection and when it was aborted. */
  read<Row>(sql: string, values: Values = []): Promise<Row[]> {
    return this.#reading((session) => session.run<Row[]>(sql, values))
  }

  /** As `read`, for what is sent at once: no crash of the server takes it back. */
  readDurable<Row>(sql: string, values: unknown[]): Promise<Row[]> {
    const queries: Query[] = [[sql, values], ...this.#durability.flush]
    return this.#reading(async (session) => (await session.runAll<[Row[]]>(queries))[0])
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

  /**
   * Reads several things as they were at one moment.
   *
   * @param isSent whether the result is sent at once: no crash of the server takes it back then
   */
  snapshot<Result>(
    work: (session: Session) => Promise<Result>,
    isSent: (result: Result) => boolean,
  ): Promise<Result> {
    return this.#explained(() =>
      this.#pool.use(async (session) => {
        await session.run(SNAPSHOT)
        const result = await work(session)
        const flush = isSent(result) ? this.#durability.flush : []
        await session.runAll([['COMMIT', []], ...flush])
        return result
      }),
    )
  }

  /**
   * Runs `run` in a transaction that holds the locks of these shards, with what `reads` found. It
   * may run again, so it must change nothing but the database. Resolves when it is committed.
   *
   * @throws ChatError `unavailable` when it could not be committed within RETRY_MS; CommitUnknown
   */
  transact<Result>(
    options: TransactOptions,
    run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
  ): Promise<Result> {
    const { isIdempotent = false, failsOnLockWait = false } = options
    const work = () => this.#pool.use((session) => attempt(session, options, run))
    return this.#retried(work, (error) => {
      if (error instanceof CommitUnknown) return isIdempotent
      return isRetried(error) && !(failsOnLockWait && isLockWait(error))
    })
  }

  /**
   * Which of these shards one other transaction holds, and goes on holding; none when that cannot be
   * found out. Never rejects.
   */
  heldOf(shards: number[]): Promise<number[]> {
    return findHeld(shards, (work) => this.#pool.use(work))
  }

  /** As `transact`; what is not known to be committed is `unavailable`. */
  async change<Result>(
    options: TransactOptions,
    run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
  ): Promise<Result> {
    return this.#explained(() => this.transact(options, run))
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#pool.close()
  }

  async #reading<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    try {
      return await this.#pool.use(work)
    } catch (error) {
      if (!isReadAgain(error)) throw error
      return await this.#explained(() => this.#pool.use(work))
    }
  }

  #writeAlone(sql: string, values: Values): Promise<ResultSetHeader> {
    const write = (session: Session) => session.run<ResultSetHeader>(sql, values)
    return this.#explained(() => this.#retried(() => this.#pool.use(write), isRetried))
  }

  async #retried<Result>(
    work: () => Promise<Result>,
    mayRetry: (error: unknown) => boolean,
  ): Promise<Result> {
    const deadline = performance.now() + RETRY_MS
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!mayRetry(error) || performance.now() > deadline) throw error
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
  { shards, reads = [], isPatient = false }: TransactOptions,
  run: (transaction: Transaction, ...found: never[]) => Promise<Result>,
): Promise<Result> {
  const [, , , rows, ...found] = await session.runAll<LockResults>([
    ...lock(shards, isPatient),
    ...reads,
  ])
  const lastSeqs = new Map(rows.map(({ shard, lastSeq }) => [shard, lastSeq]))
  const transaction = new Transaction(session, lastSeqs)
  const result = await run(transaction, ...(found as never[]))
  try {
    await session.runAll(transaction.end())
  } catch (error) {
    throw isCommitUnknown(error) ? new CommitUnknown(error) : error
  }
  return result
}
