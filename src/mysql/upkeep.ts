import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import type { MysqlDatabase } from './database.ts'
import { Janitor } from './janitor.ts'
import type { MysqlStore } from './store.ts'

const INTERVAL_MS = 5_000
/** A daemon that was frozen for less than this finds every event when it goes on. */
const KEPT_MS = 120_000
const LIMITS_SCHEDULE = '* * * * *'

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
  const janitor = new Janitor(store, database, KEPT_MS)
  const jobs = [new Job("Following the database's clock", log, () => database.syncClock())]
  if (isDaemon) {
    jobs.push(new Job('Deleting old events and dead daemons', log, () => janitor.run()))
  }
  for (const job of jobs) job.every(INTERVAL_MS)
  const limits = new Job('Deleting old rate limits', log, () => deleteLimits(database))
  jobs.push(limits.at(LIMITS_SCHEDULE))
  return { stop: async () => void (await Promise.all(jobs.map((job) => job.stop()))) }
}

async function deleteLimits(database: MysqlDatabase): Promise<void> {
  await database.write(
    'DELETE FROM rate_limits WHERE expire < ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000)',
  )
}
