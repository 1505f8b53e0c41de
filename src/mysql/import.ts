import { ChatError } from '../errors.ts'
import type { DatabaseAddress } from './address.ts'
import type { Checksum } from './checksum.ts'
import type { MysqlDatabase } from './database.ts'
import { ImportedTable, type TableName } from './imported-table.ts'
import { beginMove, endMove } from './migrations.ts'
import { LIVES } from './online.ts'
import { openDatabase } from './open-database.ts'
import { openError } from './open-error.ts'
import { shardOf } from './shards.ts'
import { caseOf } from './transaction.ts'
import { readVector, type Vector } from './vector.ts'

/** A table as another engine has it; the first column is its id. */
interface SourceTable {
  name: string
  columns: string[]
  /** The highest id that was ever given. */
  lastId: number
}

const EVENTS = 'pending_events'
/** What must not be there. */
const FILLED = ['users', 'conversations', 'messages', 'user_blocks', EVENTS, 'webhooks']

/**
 * Fills an empty database with the rows of another engine. From `begin` to `finish` no service starts
 * on it: one that was killed halfway is not taken for a whole.
 */
export class Import {
  readonly #database: MysqlDatabase
  readonly #address: DatabaseAddress
  readonly #lastSeqs: Vector
  readonly #tables = new Map<string, ImportedTable>()

  private constructor(database: MysqlDatabase, address: DatabaseAddress, lastSeqs: Vector) {
    this.#database = database
    this.#address = address
    this.#lastSeqs = lastSeqs
  }

  /** @throws ChatError `setup` for a database that is not empty, or half filled by another */
  static async begin(address: DatabaseAddress): Promise<Import> {
    const database = await openDatabase(address, { onMigrated: () => {} })
    try {
      await assertEmpty(database)
      await beginMove(database)
      return new Import(database, address, await readVector(database))
    } catch (error) {
      await database.close()
      throw openError(address, error)
    }
  }

  /** Adds rows of a table. Events take the next numbers of their shards, in the order of the calls. */
  add(source: SourceTable, rows: unknown[][]): Promise<void> {
    const { name, columns } = source
    const userAt = columns.indexOf('user_id')
    const named = rows.map((row) => ({
      name: `${columns[0]} ${row[0]}`,
      values: name === EVENTS ? [...this.#number(row[userAt]), ...row.slice(1)] : row,
    }))
    return this.#explained(() => this.#table(source).insert(named))
  }

  /** As ImportedTable.check. */
  check(table: SourceTable, onRead: (count: number) => void): Promise<Checksum> {
    return this.#explained(() => this.#table(table).check(onRead))
  }

  /** Lets ids go on where the source's end, then lets services start. */
  finish(tables: SourceTable[]): Promise<void> {
    return this.#explained(async () => {
      const seqs = [...this.#lastSeqs.entries()]
      await this.#database.write(
        `UPDATE event_shards SET last_seq = ${caseOf('shard', seqs.length)}`,
        seqs.flat(),
      )
      for (const { name, lastId } of tables) {
        if (!['conversations', 'messages'].includes(name)) continue
        await this.#database.write(`ALTER TABLE ${name} AUTO_INCREMENT = ${lastId + 1}`)
      }
      await endMove(this.#database)
    })
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  #table({ name, columns }: SourceTable): ImportedTable {
    const found = this.#tables.get(name)
    if (found !== undefined) return found
    const target = name === EVENTS ? ['shard', 'seq', ...columns.slice(1)] : columns
    const table = new ImportedTable(this.#database, name as TableName, target)
    this.#tables.set(name, table)
    return table
  }

  #number(userId: unknown): [shard: number, seq: number] {
    const shard = shardOf(userId as number | null)
    const seq = (this.#lastSeqs[shard] ?? 0) + 1
    this.#lastSeqs[shard] = seq
    return [shard, seq]
  }

  async #explained<Result>(step: () => Promise<Result>): Promise<Result> {
    try {
      return await step()
    } catch (error) {
      throw openError(this.#address, error)
    }
  }
}

async function assertEmpty(database: MysqlDatabase): Promise<void> {
  for (const table of FILLED) {
    const row = await database.readValue(`SELECT 1 FROM ${table} LIMIT 1`)
    if (row === undefined) continue
    const message = `is not empty: there are ${table.replace('_', ' ')}. Create another, and move there.`
    throw new ChatError('setup', message)
  }
  const daemon = await database.readValue(`SELECT 1 FROM daemons WHERE ${LIVES} LIMIT 1`)
  if (daemon === undefined) return
  const message = 'is in use by a chat-websocket. Stop it first, and the chat-api beside it.'
  throw new ChatError('setup', message)
}
