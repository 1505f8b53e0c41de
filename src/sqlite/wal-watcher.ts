import { type FSWatcher, utimesSync, watch } from 'node:fs'
import type { Log } from '../log.ts'

/**
 * The doorbell of the poller on SQLite: rings when another process has committed. It only brings a
 * poll forward, since a file system need not report changes. A commit changes the write-ahead log
 * before it can be read, so the writer touches the log again after it: see `announceCommit`.
 */
export class WalWatcher {
  readonly #file: string
  readonly #log: Log
  #watcher: FSWatcher | undefined

  /** @param databasePath of a database that is open: its write-ahead log is there then */
  constructor(databasePath: string, log: Log) {
    this.#file = walFile(databasePath)
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
    utimesSync(walFile(databasePath), now, now)
  } catch {
    // A missing file has no watcher; the tick of the poller finds the commit.
  }
}

function walFile(databasePath: string): string {
  return `${databasePath}-wal`
}
