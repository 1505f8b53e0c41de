import { rmSync, statSync, utimesSync } from 'node:fs'

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
  /** The database file's own, as it was opened. */
  readonly identity: string | undefined
  readonly #path: string
  readonly #opened: Map<string, string | undefined>

  /** Call when the database is open: only then all its files are there. */
  constructor(path: string) {
    this.#path = path
    this.identity = fileIdentity(path)
    this.#opened = new Map(COMPANIONS.map((suffix) => [suffix, fileIdentity(path + suffix)]))
  }

  /** Undefined while all is as it was. Costs three calls of stat: some microseconds. */
  displacement(): Displacement | undefined {
    const displacement = this.ownDisplacement()
    if (displacement !== undefined) return displacement
    return COMPANIONS.every((suffix) => this.#isInPlace(suffix)) ? undefined : 'separated'
  }

  /** What has become of the database file alone: one call of stat. */
  ownDisplacement(): 'deleted' | 'replaced' | undefined {
    const identity = fileIdentity(this.#path)
    if (identity === undefined) return 'deleted'
    return identity === this.identity ? undefined : 'replaced'
  }

  /**
   * Tells whoever watches the log that a commit can be seen. Writing it tells them too, but while the
   * disk is still waited for.
   */
  announceCommit(): void {
    const now = Date.now() / 1000
    try {
      utimesSync(`${this.#path}-wal`, now, now)
    } catch {
      // Nobody can watch what is not there; and whoever polls finds it all the same.
    }
  }

  /** Removes those that are in use: whoever has them open keeps them. */
  removeCompanions(): void {
    for (const suffix of COMPANIONS) {
      if (this.#isInPlace(suffix)) rmSync(this.#path + suffix, { force: true })
    }
  }

  #isInPlace(suffix: string): boolean {
    return fileIdentity(this.#path + suffix) === this.#opened.get(suffix)
  }
}

/**
 * Which file has this name; undefined when none has. An inode's number is not given out again while
 * somebody has the file open.
 */
export function fileIdentity(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}
