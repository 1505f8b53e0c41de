import { ChatError } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import { MysqlDatabase } from './database.ts'
import { schemaVersion } from './migrations.ts'
import { checkServer } from './open-database.ts'
import { openError } from './open-error.ts'

/** What a server promises of a commit. */
export interface Durability {
  /** innodb_flush_log_at_trx_commit: 1 when a commit is on the disk before it is answered. */
  flushLevel: number
  /** The state of a node of a Galera cluster, such as 'Synced'; undefined for another server. */
  galeraState: string | undefined
}

/**
 * Inspects a database, in steps that each throw a ChatError `setup` with what is wrong and what to
 * do. It changes nothing: it rolls back what it writes.
 */
export class DatabaseProbe {
  readonly database: MysqlDatabase
  readonly #address: DatabaseAddress

  constructor(address: DatabaseAddress) {
    this.#address = address
    this.database = new MysqlDatabase(address)
  }

  /** Returns product and version of the server. */
  server(): Promise<string> {
    return this.#explained(() => checkServer(this.database))
  }

  /** Returns the schema's version; 0 for an empty database, which the first start fills. */
  schemaVersion(): Promise<number> {
    return this.#explained(() => schemaVersion(this.database))
  }

  /** Queues an event as other programs do. */
  checkWritable(): Promise<void> {
    return this.#explained(async () => {
      const [, , found] = await this.database.read<{ unnumbered: number }[]>(EVENT)
      if (found?.[0]?.unnumbered !== 0) throw unnumbered()
    })
  }

  /** How far the server's clock is ahead of this host's, in seconds. */
  clockAheadSeconds(): Promise<number> {
    return this.#explained(async () => {
      await this.database.syncClock()
      return (this.database.now().getTime() - Date.now()) / 1000
    })
  }

  durability(): Promise<Durability> {
    return this.#explained(async () => {
      const flush = 'SELECT @@innodb_flush_log_at_trx_commit'
      const flushLevel = (await this.database.readValue<number>(flush)) ?? 1
      return { flushLevel, galeraState: await this.#galeraState() }
    })
  }

  close(): Promise<void> {
    return this.database.close()
  }

  async #galeraState(): Promise<string | undefined> {
    const [on] = await this.database.read<Named>("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'")
    if (on?.Value !== 'ON') return undefined
    const sql = "SHOW GLOBAL STATUS LIKE 'wsrep_local_state_comment'"
    const [state] = await this.database.read<Named>(sql)
    return state?.Value
  }

  async #explained<Result>(step: () => Promise<Result>): Promise<Result> {
    try {
      return await step()
    } catch (error) {
      throw openError(this.#address, error)
    }
  }
}

interface Named {
  Value: string
}

const EVENT = `
  START TRANSACTION;
  INSERT INTO pending_events (event, data) VALUES ('doctor', '{}');
  SELECT COUNT(*) AS unnumbered FROM pending_events WHERE seq = 0 AND shard = 0;
  ROLLBACK
`

/** As a copy that was made without its triggers. */
function unnumbered(): ChatError {
  const problem = 'has lost its trigger: events that other programs insert are not sent'
  const advice = 'Do: UPDATE chat_schema SET version = 0; then restart the chat: it creates it'
  return new ChatError('setup', `${problem}. ${advice}`)
}
