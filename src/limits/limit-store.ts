import { type RateLimiterMemory, RateLimiterMySQL } from 'rate-limiter-flexible'

/** A MySQL database in which processes count together; it has the table rate_limits. */
export interface LimitStore {
  /** The name of the database. */
  database: string
  /** Resolves with the result of a statement; `?` and `??` in it are values and names, as mysql2's. */
  query(sql: string, values: unknown[]): Promise<unknown>
}

/**
 * Counts in the table rate_limits, which is of the engine MEMORY: a count costs no fsync, unless the
 * server keeps a binary log with sync_binlog = 1. When the server restarts, all counts start anew.
 * Galera does not replicate them: each node counts for itself, so a limit holds as long as all
 * processes write to one node. A window ends by the clock of the process that counts.
 *
 * @param what the prefix of its keys
 * @param insurance counts for this process alone while the store fails. A request usually fails too
 *   then; but a table that is full (max_heap_table_size) must not fail what the chat can do.
 */
export function sharedLimiter(
  store: LimitStore,
  what: string,
  insurance: RateLimiterMemory,
): RateLimiterMySQL {
  return new RateLimiterMySQL({
    points: insurance.points,
    duration: insurance.duration,
    keyPrefix: what,
    insuranceLimiter: insurance,
    storeClient: connectionTo(store),
    storeType: 'connection',
    dbName: store.database,
    tableName: 'rate_limits',
    tableCreated: true,
    // The engine purges the table: here every limiter of every process would, an hour later.
    clearExpiredByTimeout: false,
  })
}

type OnResult = (error: unknown, result?: unknown) => void

/**
 * The store as the library calls a connection. Its BEGIN and COMMIT, two of the four round trips of
 * a count, mean nothing to a MEMORY table. Other counts can come between the other two (add, read):
 * then one may be rejected that was the last to fit, but none is counted beyond the limit.
 */
function connectionTo(store: LimitStore) {
  const query = (sql: string, ...rest: [OnResult] | [unknown[], OnResult]) => {
    const [values, onResult] = rest.length === 1 ? [[], rest[0]] : rest
    if (sql === 'BEGIN' || sql === 'COMMIT') onResult(null)
    else store.query(sql, values).then((result) => onResult(null, result), onResult)
  }
  return { query, rollback: () => {} }
}
