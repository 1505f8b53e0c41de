import { type FSWatcher, utimesSync, watch } from 'node:fs'
import type { Log } from '../log.ts'

/**
 * Rings when another process has committed: the doorbell of the poller, on SQLite. Only an accelerator,
 * since a file system need not tell of changes, and a commit shows in the file before it can be read.
 * So whoever writes with `announceCommit` touches the write-ahead log once more when it can.
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
    // Nobody can watch what is not there; and whoever polls finds it all the same.
  }
}

function walFile(databasePath: string): string {
  return `${databasePath}-wal`
}
