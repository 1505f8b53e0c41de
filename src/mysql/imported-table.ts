import { ChatError, messageOf } from '../errors.ts'
import { Checksum } from './checksum.ts'
import type { MysqlDatabase } from './database.ts'

/** The primary keys of the tables that can be filled. */
const KEYS = {
  users: ['user_id'],
  conversations: ['conversation_id'],
  messages: ['message_id'],
  user_blocks: ['user_id', 'blocked_user_id'],
  pending_events: ['shard', 'seq'],
  webhooks: ['message_id'],
}
/** Rows that are read back at once. */
const PAGE_ROWS = 2_000
/** A server would store other spellings of a time as something else. */
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

export type TableName = keyof typeof KEYS

/** A row, and what the operator knows it by: 'message_id 17'. */
export interface NamedRow {
  name: string
  values: unknown[]
}

/** A table that is filled, and then read back. */
export class ImportedTable {
  readonly #database: MysqlDatabase
  readonly #name: TableName
  readonly #columns: string[]
  readonly #written = new Checksum()

  constructor(database: MysqlDatabase, name: TableName, columns: string[]) {
    this.#database = database
    this.#name = name
    this.#columns = columns
  }

  /** @throws ChatError `setup` that names a row which cannot be stored as it is */
  async insert(rows: NamedRow[]): Promise<void> {
    for (const row of rows) this.#assertTimes(row)
    const sql = `INSERT INTO ${this.#name} (${this.#columns.join(', ')}) VALUES ?`
    try {
      await this.#database.write(sql, [rows.map(({ values }) => values)])
    } catch (error) {
      if (error instanceof ChatError) throw error
      if (rows[0] === undefined || rows.length === 1) throw this.#refused(rows[0], error)
      // The server does not say which of them it refuses: alone, that one fails alone.
      for (const row of rows) await this.insert([row])
      return
    }
    for (const { values } of rows) this.#written.add(values)
  }

  /**
   * Reads all rows back; resolves with their checksum.
   *
   * @param onRead called with numbers of rows
   * @throws ChatError `setup` when they are not those that were inserted
   */
  async check(onRead: (count: number) => void): Promise<Checksum> {
    const found = new Checksum()
    for await (const rows of this.#pages()) {
      for (const row of rows) found.add(row)
      onRead(rows.length)
    }
    const { count, text } = this.#written
    if (found.count !== count) {
      const message = `has ${found.count} rows in ${this.#name}, where ${count} were written.`
      throw new ChatError('setup', message)
    }
    if (found.text !== text) {
      throw new ChatError('setup', `has other rows in ${this.#name} than were written.`)
    }
    return found
  }

  #assertTimes(row: NamedRow): void {
    for (const [index, column] of this.#columns.entries()) {
      const value = row.values[index]
      if (!column.endsWith('_at') || value === null || TIME.test(String(value))) continue
      throw this.#refused(row, `${column} is "${value}", no time as schema.sql has it`)
    }
  }

  #refused(row: NamedRow | undefined, error: unknown): ChatError {
    const message = `cannot take the row of ${this.#name} with ${row?.name}: ${messageOf(error)}.`
    return new ChatError('setup', message, { cause: error })
  }

  async *#pages(): AsyncGenerator<unknown[][]> {
    const key = KEYS[this.#name]
    const at = key.map((column) => this.#columns.indexOf(column))
    const sql = this.#selectPage(key)
    let last: unknown[] = key.map(() => 0)
    for (;;) {
      const values = last.length === 1 ? last : [last[0], last[0], last[1]]
      const found = await this.#database.read<object>(sql, [...values, PAGE_ROWS])
      const rows = found.map((row) => Object.values(row).map(textOf))
      if (rows.length > 0) yield rows
      if (rows.length < PAGE_ROWS) return
      last = at.map((index) => rows.at(-1)?.[index])
    }
  }

  /** Its values: of the last row before the page the first column of the key, or that, that and the second. */
  #selectPage([first, second]: string[]): string {
    const columns = this.#columns.map((column) =>
      // Those of events have a fraction.
      column === 'created_at'
        ? "DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s') AS created_at"
        : column,
    )
    const after = second === undefined ? '' : `OR (${first} = ? AND ${second} > ?)`
    const order = second === undefined ? first : `${first}, ${second}`
    return `
      SELECT ${columns.join(', ')} FROM ${this.#name}
      WHERE ${first} > ? ${after}
      ORDER BY ${order}
      LIMIT ?
    `
  }
}

/** A VARBINARY is a text here. */
function textOf(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString() : value
}
