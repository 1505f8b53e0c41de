import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise'
import type { Mariadb } from '../support/mariadb.ts'

/** What a MariaDB has done since it started. */
export interface Work {
  queries: number
  /** By the storage engines, through whatever index. */
  rowsRead: number
}

/** A connection that reads the counters of a MariaDB. */
export class ServerStatus {
  readonly #connection: Connection

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async open({ port }: Mariadb): Promise<ServerStatus> {
    return new ServerStatus(await createConnection({ host: '127.0.0.1', port, user: 'root' }))
  }

  async read(): Promise<Work> {
    const [rows] = await this.#connection.query<RowDataPacket[]>('SHOW GLOBAL STATUS')
    let rowsRead = 0
    for (const { Variable_name: name, Value: value } of rows) {
      if (/^Handler_read_/.test(name)) rowsRead += Number(value)
    }
    const questions = rows.find(({ Variable_name: name }) => name === 'Questions')
    return { queries: Number(questions?.Value), rowsRead }
  }

  async close(): Promise<void> {
    await this.#connection.end()
  }
}
