import { rmSync, statSync } from 'node:fs'

/**
 * What can become of an open database: its file is gone, another file has its name, or one of the two
 * that SQLite keeps beside it is not the one in use any more.
 */
export type Displacement = 'deleted' | 'replaced' | 'separated'

/** What SQLite keeps beside the database file while it is in use: its log, and the log's index. */
const COMPANIONS = ['-wal', '-shm']

/**
 * The files behind an open database. A process keeps the files that it has opened whatever becomes of
 * their names, and so it would write into nowhere without noticing: this tells.
 */
export class DatabaseFiles {
  readonly #path: string
  readonly #opened: Map<string, string | undefined>

  /** Call when the database is open: only then all its files are there. */
  constructor(path: string) {
    this.#path = path
    this.#opened = new Map(['', ...COMPANIONS].map((suffix) => [suffix, this.#identity(suffix)]))
  }

  /** Undefined while all is as it was. Costs three calls of stat: some microseconds. */
  displacement(): Displacement | undefined {
    const identity = this.#identity('')
    if (identity === undefined) return 'deleted'
    if (identity !== this.#opened.get('')) return 'replaced'
    return COMPANIONS.every((suffix) => this.#isInPlace(suffix)) ? undefined : 'separated'
  }

  /** Removes those that are in use: whoever has them open keeps them. */
  removeCompanions(): void {
    for (const suffix of COMPANIONS) {
      if (this.#isInPlace(suffix)) rmSync(this.#path + suffix, { force: true })
    }
  }

  #isInPlace(suffix: string): boolean {
    return this.#identity(suffix) === this.#opened.get(suffix)
  }

  /** An inode's number is not given out again while somebody has the file open: we have. */
  #identity(suffix: string): string | undefined {
    const stats = statSync(this.#path + suffix, { throwIfNoEntry: false })
    return stats && `${stats.dev}:${stats.ino}`
  }
}
