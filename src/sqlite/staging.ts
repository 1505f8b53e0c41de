import Sqlite from 'better-sqlite3'
import { ChatError, systemCode } from '../errors.ts'

/** Of the memory, in KB; the rest is in the file. */
const CACHE_KB = 16 * 1024
/** Each with a value that is less than any of its keys. */
const KINDS = { users: 0, messages: 0, blocks: '', files: '' }

type StagedKind = keyof typeof KINDS
type Key = number | string

/** Rows from one read to the next. */
const PAGE_ROWS = 1_000

/**
 * Rows that are to be written once all of them are checked, by their keys and in the order of those,
 * however many there are. They are in a temporary file of SQLite, in TMPDIR, which has no name and
 * is gone with the process.
 */
export class Staging {
  readonly #sqlite = new Sqlite('')
  readonly #counts = new Map<StagedKind, number>()
  readonly #insert = new Map<StagedKind, Sqlite.Statement<[Key, string]>>()
  readonly #selectPage = new Map<StagedKind, Sqlite.Statement<[Key, number], Staged>>()
  readonly #delete: Sqlite.Statement<[Key]>

  constructor() {
    this.#sqlite.pragma('journal_mode = OFF')
    this.#sqlite.pragma(`cache_size = -${CACHE_KB}`)
    for (const kind of Object.keys(KINDS) as StagedKind[]) {
      const type = KINDS[kind] === 0 ? 'INTEGER' : 'TEXT'
      this.#sqlite.exec(`CREATE TABLE ${kind} (key ${type} PRIMARY KEY, row TEXT NOT NULL)`)
      this.#insert.set(
        kind,
        this.#sqlite.prepare(`INSERT INTO ${kind} VALUES (?, ?) ON CONFLICT DO NOTHING`),
      )
      this.#selectPage.set(
        kind,
        this.#sqlite.prepare(`SELECT key, row FROM ${kind} WHERE key > ? ORDER BY key LIMIT +?`),
      )
    }
    this.#delete = this.#sqlite.prepare('DELETE FROM messages WHERE key = ?')
    this.#sqlite.exec('BEGIN')
  }

  /**
   * Adds a row, unless its key is taken; returns whether it was free.
   *
   * @throws ChatError `setup` when the disk is full
   */
  add(kind: StagedKind, key: Key, row: unknown): boolean {
    try {
      const isFree = this.#insert.get(kind)?.run(key, JSON.stringify(row)).changes === 1
      if (isFree) this.#counts.set(kind, this.count(kind) + 1)
      return isFree
    } catch (error) {
      throw systemCode(error) === 'SQLITE_FULL' ? fullError(error) : error
    }
  }

  removeMessage(messageId: number): void {
    this.#counts.set('messages', this.count('messages') - this.#delete.run(messageId).changes)
  }

  count(kind: StagedKind): number {
    return this.#counts.get(kind) ?? 0
  }

  /** The rows of a kind, in the order of their keys. */
  *rows<Row>(kind: StagedKind): Generator<Row> {
    let last: Key = KINDS[kind]
    for (;;) {
      const page: Staged[] = this.#selectPage.get(kind)?.all(last, PAGE_ROWS) ?? []
      for (const { row } of page) yield JSON.parse(row)
      if (page.length < PAGE_ROWS) return
      last = page.at(-1)?.key ?? last
    }
  }

  close(): void {
    this.#sqlite.close()
  }
}

function fullError(cause: unknown): ChatError {
  const message = 'There is no room for temporary files. Set TMPDIR to a folder that has some.'
  return new ChatError('setup', message, { cause })
}

interface Staged {
  key: Key
  row: string
}
