import type { PoolConnection } from 'mysql2/promise'
import { DEADLINE, isLost } from './errors.ts'

/**
 * The values of a statement, in order for ? or by name for :name. An array among them is a list for
 * IN (?), an array of arrays the rows of VALUES ?.
 */
export type Values = unknown[] | Record<string, unknown>

/** A statement with its values in order, so that several can be joined. */
export type Query = readonly [sql: string, values: unknown[]]

/** A statement that takes longer than this has lost its server, or waits for what will not come. */
const DEADLINE_MS = 5_000

/**
 * A connection of the pool, as one piece of work has it. Every statement has a deadline: a server
 * that is frozen, or gone without a goodbye, answers nothing and closes nothing. A connection that
 * missed one is destroyed, and so is one that broke: neither comes back to the pool.
 */
export class Session {
  readonly #connection: PoolConnection
  readonly #deadlineMs: number
  #isLost = false

  constructor(connection: PoolConnection, deadlineMs = DEADLINE_MS) {
    this.#connection = connection
    this.#deadlineMs = deadlineMs
  }

  /** Runs one statement, or several in one round trip: then the results are an array of theirs. */
  async run<Result>(sql: string, values: Values = []): Promise<Result> {
    try {
      const [result] = await withDeadline(
        this.#connection.query(sql, values as unknown[]),
        this.#deadlineMs,
      )
      return result as Result
    } catch (error) {
      this.#isLost ||= isLost(error)
      throw error
    }
  }

  /** Runs several statements in one round trip; resolves with their results, in order. */
  async runAll<Results extends unknown[]>(queries: readonly Query[]): Promise<Results> {
    const sql = queries.map(([text]) => text).join(';\n')
    const results = await this.run<unknown>(
      sql,
      queries.flatMap(([, values]) => values),
    )
    return (queries.length === 1 ? [results] : results) as Results
  }

  /** Gives the connection back. @param isClean false when a transaction may be open on it */
  release(isClean = true): void {
    if (this.#isLost || !isClean) this.#connection.destroy()
    else this.#connection.release()
  }

  /** Undoes an open transaction; resolves with whether the connection can be used again. */
  async rollback(): Promise<boolean> {
    if (this.#isLost) return false
    try {
      await this.run('ROLLBACK; SET autocommit = 1')
      return true
    } catch {
      return false
    }
  }
}

/** Rejects with DEADLINE when the work takes longer than it may. */
export async function withDeadline<Result>(
  work: Promise<Result>,
  deadlineMs = DEADLINE_MS,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('The database does not answer'), { code: DEADLINE })
    timer = setTimeout(() => reject(error), deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // After the deadline its rejection is nobody's business any more.
    work.catch(() => {})
  }
}
