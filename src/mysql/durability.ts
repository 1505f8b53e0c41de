import type { Query } from './session.ts'

/** Of the table: processes that write to one row wait for each other. */
const ROWS = 16
const READ_SETTINGS = `
  SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'sync_binlog', 'wsrep_on')
`

/**
 * InnoDB shows a transaction to others before its log is on the disk, unless the server also has to
 * sync a binary log. When it crashes in between, it takes back what others have read by then, and
 * gives the same message_id and seq to something else, which clients and daemons take for what they
 * have already.
 *
 * So before something fresh is sent, a write is committed on the connection that it was read from:
 * logs reach the disk in their order, and a connection does not outlive its server.
 */
export class Durability {
  readonly #row = Math.floor(Math.random() * ROWS)
  #isAssured = false

  /** Finds out whether the server shows only what is durable. */
  async check(read: (sql: string) => Promise<Setting[]>): Promise<void> {
    const rows = await read(READ_SETTINGS)
    const settings = new Map(rows.map(({ Variable_name: name, Value: value }) => [name, value]))
    const isLogged = settings.get('log_bin') === 'ON' && settings.get('sync_binlog') === '1'
    // Galera has sent it to the other nodes by then.
    this.#isAssured = isLogged || settings.get('wsrep_on') === 'ON'
  }

  /** What to run after a read; nothing if the server does without. */
  get flush(): Query[] {
    if (this.#isAssured) return []
    const sql = 'INSERT INTO flushes (id) VALUES (?) ON DUPLICATE KEY UPDATE count = count + 1'
    return [[sql, [this.#row]]]
  }
}

interface Setting {
  Variable_name: string
  Value: string
}
