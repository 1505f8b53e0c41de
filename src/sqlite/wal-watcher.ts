import { type FSWatcher, utimesSync, watch } from 'node:fs'
import type { Log } from '../log.ts'

/**
 * The doorbell of the poller on SQLite: rings when this chat has committed, in whichever process. It only
 * brings a poll forward, since a file system need not report changes. What rings is the index of the
 * write-ahead log, which `announceCommit` touches: SQLite itself maps it and never writes to it. The log
 * would ring for each page of a commit, and before there is anything to read.
 */
export class WalWatcher {
  readonly #file: string
  readonly #log: Log
  #watcher: FSWatcher | undefined

  /** @param databasePath of a database that is open: its write-ahead log has an index then */
  constructor(databasePath: string, log: Log) {
    this.#file = walIndexFile(databasePath)
    this.#log = log
  }

  start(ring: () => void): void {
    try {
      this.#watcher = watch(this.#file, { persistent: false }, ring)
      this.#watcher.on('error', (error) =>
        this.#log.warn(`Wake-up lost, the tick goes on: ${error}`),
      )
    } catch (error) {
      this.#log.warn(`No wake-up on this file system, the tick does it alone: ${error}`)
    }
  }

  stop(): void {
    this.#watcher?.close()
  }
}

/** Call after a commit: rings at every watcher. */
export function announceCommit(databasePath: string): void {
  const now = Date.now() / 1000
  try {
    utimesSync(walIndexFile(databasePath), now, now)
  } catch {
    // A missing file has no watcher; the tick of the poller finds the commit.
  }
}

function walIndexFile(databasePath: string): string {
  return `${databasePath}-shm`
}
