import { existsSync } from 'node:fs'
import type { Database } from './database.ts'
import { corruptError, foreignError, newerError, olderError, openError } from './errors.ts'
import { SCHEMA_VERSION } from './migrations.ts'
import { APPLICATION_ID, openAsItIs } from './open-database.ts'

/** The chat's own transactions take milliseconds. */
const BUSY_TIMEOUT_MS = 2_000

/**
 * Inspects a database, in steps that each throw a ChatError `setup` with what is wrong and what to
 * do. It changes nothing: it rolls back what it writes.
 */
export class DatabaseProbe {
  readonly database: Database
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.database = this.#explained(() => openAsItIs(path, BUSY_TIMEOUT_MS))
  }

  static isThere(path: string): boolean {
    return existsSync(path)
  }

  /** Returns the schema's version; 0 for an empty file, which the first start of the chat fills. */
  schemaVersion(): number {
    return this.#explained(() => {
      if (this.#first('SELECT count(*) FROM sqlite_schema') === 0) return 0
      if (this.#first('PRAGMA application_id') !== APPLICATION_ID) throw foreignError()
      const version = Number(this.#first('PRAGMA user_version'))
      if (version > SCHEMA_VERSION) throw newerError(version)
      return version
    })
  }

  /** Keeps other programs out until `close`: they cannot even read. Fails while one has it open. */
  lock(): void {
    this.#explained(() => {
      this.#first('PRAGMA locking_mode = EXCLUSIVE')
      this.#run('BEGIN IMMEDIATE')
    })
  }

  /** Rejects what this version's queries do not run on. */
  assertCurrent(): void {
    const version = this.schemaVersion()
    if (version < SCHEMA_VERSION) throw openError(this.#path, olderError(version))
  }

  /** Reads every page. */
  checkIntegrity(): void {
    this.#explained(() => {
      if (!this.database.isIntact()) throw corruptError()
    })
  }

  checkWritable(): void {
    this.#explained(() => {
      this.#run('BEGIN IMMEDIATE')
      try {
        this.#run("INSERT INTO pending_events (event, data) VALUES ('doctor', '{}')")
      } finally {
        this.#run('ROLLBACK')
      }
    })
  }

  close(): Promise<void> {
    return this.database.close()
  }

  #first(sql: string): unknown {
    return this.database.prepareValue<[]>(sql).get()
  }

  #run(sql: string): void {
    this.database.prepare<[]>(sql).run()
  }

  #explained<Result>(step: () => Result): Result {
    try {
      return step()
    } catch (error) {
      throw openError(this.#path, error)
    }
  }
}
