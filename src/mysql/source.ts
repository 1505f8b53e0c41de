import { type Connection, createConnection } from 'mysql2'
import type { SourceRow } from '../chat/source-rows.ts'
import { ChatError, messageOf } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import { errorName } from './errors.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** Rows that are read ahead. */
const BUFFERED_ROWS = 500
/**
 * All queries see the database as it is when the first begins, and none can write. The server waits
 * for as long as it takes until a row is taken.
 */
const SESSION = [
  'SET SESSION net_write_timeout = 3600',
  'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
]
const ACCESS_DENIED = ['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR']

/** The database of another program, of which queries of the operator are read row by row. */
export class SourceDatabase {
  readonly #connection: Connection
  readonly #name: string

  private constructor(connection: Connection, name: string) {
    this.#connection = connection
    this.#name = name
  }

  /** @throws ChatError `setup` with one line: what is wrong */
  static async open(address: DatabaseAddress): Promise<SourceDatabase> {
    const { host, port, user, password, database, ca } = address
    const name = `mysql://${user}@${host}:${port}/${database}`
    const connection = createConnection({
      ...{ host, port, user, password, database, connectTimeout: CONNECT_TIMEOUT_MS },
      ...(ca === undefined ? {} : { ssl: { ca } }),
      charset: 'utf8mb4',
      // Times as PHP saw them; numbers that JavaScript would round, as texts.
      dateStrings: true,
      supportBigNumbers: true,
    })
    // A connection that is lost between two queries fails the next one.
    connection.on('error', () => {})
    try {
      for (const sql of SESSION) await connection.promise().query(sql)
      return new SourceDatabase(connection, name)
    } catch (error) {
      connection.destroy()
      throw sourceError(name, error)
    }
  }

  /** The number of rows that a query gives. */
  async count(query: string): Promise<number> {
    try {
      const [rows] = await this.#connection
        .promise()
        .query(`SELECT COUNT(*) AS count FROM (${query}) AS rows_`)
      return (rows as { count: number }[])[0]?.count ?? 0
    } catch (error) {
      throw sourceError(this.#name, error)
    }
  }

  /** Reads the rows of a query one by one, as fast as they are taken. */
  async *rows(query: string): AsyncGenerator<SourceRow> {
    try {
      yield* this.#connection.query(query).stream({ highWaterMark: BUFFERED_ROWS })
    } catch (error) {
      throw error instanceof ChatError ? error : sourceError(this.#name, error)
    }
  }

  close(): void {
    this.#connection.destroy()
  }
}

function sourceError(name: string, error: unknown): ChatError {
  const isDenied = ACCESS_DENIED.includes(errorName(error))
  const advice = isDenied ? ' Set CHAT_IMPORT_PASSWORD.' : ''
  const reason = (messageOf(error) || errorName(error)).replace(/\s+/g, ' ')
  const message = `${name} cannot be read (${reason}).${advice}`
  return new ChatError('setup', message, { cause: error })
}
