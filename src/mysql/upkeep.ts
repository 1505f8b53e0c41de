import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import type { MysqlDatabase } from './database.ts'
import { Reaper } from './reaper.ts'
import type { MysqlStore } from './store.ts'
import { type Vector, vectorFrom } from './vector.ts'

const INTERVAL_MS = 5_000
/** Of the lease of the janitor: two of its runs may be missing. */
const JANITOR_SECONDS = 15
/** A daemon that was frozen for less than this finds every event when it goes on. */
export const KEPT_MS = 120_000
/** Rows that one statement deletes. */
const DELETED_ROWS_MAX = 1_000
const LIMITS_SCHEDULE = '* * * * *'

/** What the counters of the shards were at a time, by performance.now(). */
interface Seen {
  at: number
  vector: Vector
}

/**
 * The scheduled jobs for the database. Every process follows its clock; of the daemons one, the
 * janitor, deletes old events and the rows of dead daemons. No API does: while no daemon lives,
 * events stay.
 */
export function startUpkeep(
  store: MysqlStore,
  database: MysqlDatabase,
  log: Log,
  { isDaemon }: { isDaemon: boolean },
): { stop(): Promise<void> } {
  const janitor = new Janitor(store, database)
  const jobs = [new Job("Following the database's clock", log, () => database.syncClock())]
  if (isDaemon) {
    jobs.push(new Job('Deleting old events and dead daemons', log, () => janitor.run()))
  }
  for (const job of jobs) job.every(INTERVAL_MS)
  const limits = new Job('Deleting old rate limits', log, () => deleteLimits(database))
  jobs.push(limits.at(LIMITS_SCHEDULE))
  return { stop: async () => void (await Promise.all(jobs.map((job) => job.stop()))) }
}

class Janitor {
  readonly #store: MysqlStore
  readonly #database: MysqlDatabase
  readonly #reaper: Reaper
  /** The oldest first. */
  #seen: Seen[] = []

  constructor(store: MysqlStore, database: MysqlDatabase) {
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
   * Deletes what was there KEPT_MS ago. Its age counts from when it could be read: the transaction
   * of another program may stay open for long after its row was written.
   */
  async #deleteOld(): Promise<void> {
    const counters = 'SELECT shard, last_seq AS seq FROM event_shards'
    const vector = vectorFrom(await this.#database.read(counters))
    const now = performance.now()
    this.#seen.push({ at: now, vector })
    const old = this.#seen.findLast(({ at }) => now - at >= KEPT_MS)
    if (old === undefined) return
    this.#seen = this.#seen.slice(this.#seen.indexOf(old))
    await this.#deleteThrough(old.vector)
  }

  async #deleteThrough(vector: Vector): Promise<void> {
    const oldest = await this.#database.read<{ shard: number }>(
      'SELECT shard, MIN(seq) AS seq FROM pending_events GROUP BY shard',
    )
    for (const { shard } of oldest) {
      const remove = () =>
        this.#database.write(
          `DELETE FROM pending_events WHERE shard = ? AND seq <= ? ORDER BY seq
          LIMIT ${DELETED_ROWS_MAX}`,
          [shard, vector[shard]],
        )
      while ((await remove()) === DELETED_ROWS_MAX);
    }
  }
}

async function deleteLimits(database: MysqlDatabase): Promise<void> {
  await database.write(
    'DELETE FROM rate_limits WHERE expire < ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000)',
  )
}
