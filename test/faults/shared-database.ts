import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Connection, createConnection } from 'mysql2/promise'
import { createDatabase, Mariadb } from '../support/mariadb.ts'
import type { Environment } from '../support/running-program.ts'
import type { SharedStorage } from './shared-fault.ts'
import { readShared } from './shared-stored.ts'
import type { Stored } from './stored.ts'

const DATABASE = 'chat'
/** The user of the service, with the least rights that it can do with. */
const USER = 'chat'
const RIGHTS = 'SELECT, INSERT, UPDATE, DELETE, CREATE, TRIGGER'

/** A MariaDB of the service's own, and its database there. Root looks into it past the service. */
export class SharedDatabase implements SharedStorage {
  readonly server: Mariadb
  readonly #folder: string
  readonly #onExit = () => this.#destroy()

  private constructor(server: Mariadb, folder: string) {
    this.server = server
    this.#folder = folder
    process.once('exit', this.#onExit)
  }

  /** Resolves when it is there, and empty. */
  static async start(): Promise<SharedDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'chat-fault-mariadb-'))
    const database = new SharedDatabase(await Mariadb.start(folder), folder)
    createDatabase(database.server.port, DATABASE)
    await database.query(`CREATE USER ${USER}@'127.0.0.1'`)
    await database.query(`GRANT ${RIGHTS} ON ${DATABASE}.* TO ${USER}@'127.0.0.1'`)
    return database
  }

  get port(): number {
    return this.server.port
  }

  get settings(): Environment {
    return this.settingsAt(this.port)
  }

  settingsAt(port: number): Environment {
    return { CHAT_DATABASE: `mysql://${USER}@127.0.0.1:${port}/${DATABASE}` }
  }

  read(): Promise<Stored> {
    return this.use(readShared)
  }

  async countByReceiver(): Promise<Map<number, number>> {
    const rows = await this.query<{ userId: number; count: number }>(
      'SELECT receiver_id AS userId, COUNT(*) AS count FROM messages GROUP BY receiver_id',
    )
    return new Map(rows.map(({ userId, count }) => [userId, count]))
  }

  query<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return this.use(async (root) => (await root.query(sql, values))[0] as Row[])
  }

  async use<Result>(work: (root: Connection) => Promise<Result>): Promise<Result> {
    const root = await createConnection({
      host: '127.0.0.1',
      port: this.server.port,
      user: 'root',
      database: DATABASE,
      dateStrings: true,
      decimalNumbers: true,
    })
    try {
      return await work(root)
    } finally {
      root.destroy()
    }
  }

  /** Leaves nothing behind, whatever state it is in. Safe to call twice. */
  async destroy(): Promise<void> {
    process.off('exit', this.#onExit)
    await this.server.kill()
    this.#destroy()
  }

  #destroy(): void {
    this.server.signal('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
