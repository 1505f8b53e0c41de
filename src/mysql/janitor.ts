import type { MysqlDatabase } from './database.ts'
import { Reaper } from './reaper.ts'
import type { MysqlStore } from './store.ts'
import { readVector, type Vector } from './vector.ts'

/** Of its lease: two of its runs may be missing. */
const JANITOR_SECONDS = 15
/** Rows that one statement deletes. */
const DELETED_ROWS_MAX = 1_000

/** What the counters of the shards were at a time, by performance.now(). */
interface Seen {
  at: number
  vector: Vector
}

/** Deletes old events and dead daemons, in one process at a time. */
export class Janitor {
  readonly #store: MysqlStore
  readonly #database: MysqlDatabase
  readonly #reaper: Reaper
  readonly #keptMs: number
  /** The oldest first. */
  #seen: Seen[] = []

  /** @param keptMs how long events stay */
  constructor(store: MysqlStore, database: MysqlDatabase, keptMs: number) {
    this.#keptMs = keptMs
    this.#store = store
    this.#database = database
    this.#reaper = new Reaper(store, database)
  }

  async run(): Promise<void> {
    if (!(await this.#store.claim('janitor', JANITOR_SECONDS))) {
      this.#seen = []
      return
    }
    await this.#reaper.run()
    await this.#deleteOld()
  }

  /**
   * Deletes what was there so long ago. Its age counts from when it could be read: the transaction
   * of another program may stay open for long after its row was written.
   */
  async #deleteOld(): Promise<void> {
    const vector = await readVector(this.#database)
    const now = performance.now()
    this.#seen.push({ at: now, vector })
    const old = this.#seen.findLast(({ at }) => now - at >= this.#keptMs)
    if (old === undefined) return
    this.#seen = this.#seen.slice(this.#seen.indexOf(old))
    await this.#deleteThrough(old.vector)
  }

  async #deleteThrough(vector: Vector): Promise<void> {
    const oldest = await this.#database.read<{ shard: number; seq: number }>(
      'SELECT shard, MIN(seq) AS seq FROM pending_events GROUP BY shard',
    )
    for (const { shard, seq } of oldest) {
      const last = vector[shard] ?? 0
      if (seq > last) continue
      const remove = () =>
        this.#database.write(
          `DELETE FROM pending_events WHERE shard = ? AND seq <= ? ORDER BY seq
          LIMIT ${DELETED_ROWS_MAX}`,
          [shard, last],
        )
      while ((await remove()) === DELETED_ROWS_MAX);
    }
  }
}
