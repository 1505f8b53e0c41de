import { type Pool as ConnectionPool, createPool, type PoolConnection } from 'mysql2/promise'
import type { DatabaseAddress } from './address.ts'
import { isConnectionError } from './errors.ts'
import { Session, withDeadline } from './session.ts'

/** One process's connections. Sends share one transaction; the others are for reads and receipts. */
const CONNECTIONS_MAX = 10
const CONNECT_TIMEOUT_MS = 3_000
/**
 * READ COMMITTED: a read after the locks sees what their last holders committed, and nothing takes
 * gap locks. The sql_mode is ours, so that a server's own neither cuts a text short nor changes how
 * values are quoted.
 */
const SESSION = `
  SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
  SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 1,
    sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'
`
/** MariaDB's: a process that is frozen within a transaction must not hold its shards for ever. */
const MARIADB_SESSION = 'SET SESSION idle_write_transaction_timeout = 3, max_statement_time = 5'

/** A migration of large tables takes its time; other processes wait for it. */
const MIGRATION_MS_MAX = 60 * 60 * 1000
const UNHURRIED = `SET SESSION innodb_lock_wait_timeout = ${MIGRATION_MS_MAX / 1000}`
const MARIADB_UNHURRIED = 'SET SESSION idle_write_transaction_timeout = 0, max_statement_time = 0'

/** The connections of this process to a database. */
export class Pool {
  readonly #pool: ConnectionPool
  #problem: string | undefined

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
      // An object is a text as well, not the SQL that mysql2 would make of it.
      stringifyObjects: true,
    })
    this.#pool.pool.on('connection', (connection) => {
      // Never used without them: another isolation would lose messages.
      connection.query(SESSION, (error: unknown) => error && connection.destroy())
      // MySQL does not know them.
      connection.query(MARIADB_SESSION, () => {})
    })
  }

  /** Why nothing can be stored, as far as the last statement showed; undefined while it can. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Lends out a connection; a transaction that fails is rolled back. */
  async use<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
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

  /**
   * Lends out two connections that wait for as long as it takes, a lock on one, changes of tables on
   * the other. Neither is used again.
   */
  async exclusively<Result>(
    work: (locking: Session, changing: Session) => Promise<Result>,
  ): Promise<Result> {
    const sessions: Session[] = []
    try {
      for (const _ of ['locking', 'changing']) {
        const session = new Session(await this.#connect(), MIGRATION_MS_MAX)
        sessions.push(session)
        await session.run(UNHURRIED)
        await session.run(MARIADB_UNHURRIED).catch(() => {})
      }
      return await work(...(sessions as [Session, Session]))
    } finally {
      for (const session of sessions) session.release(false)
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#pool.end()
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
}
