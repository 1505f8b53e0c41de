import { ChatError } from '../errors.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { Checkpointer } from './checkpointer.ts'
import type { Database } from './database.ts'

const INTERVAL_MS = 1_000
/** Hourly, at a minute that other jobs of the machine seldom use. */
const OPTIMIZE_SCHEDULE = '17 * * * *'

/**
 * The scheduled jobs of a service for its database: checkpoints, statistics, and the warning about
 * a file that was replaced. chat-api checkpoints for both: it writes most of the log. What the daemon
 * writes while there is no API, SQLite's own checkpoint copies (AUTOCHECKPOINT_PAGES). `stop` resolves
 * when no job runs. Idempotent.
 */
export function startUpkeep(
  database: Database,
  log: Log,
  { isDaemon }: { isDaemon: boolean },
): { stop(): Promise<void> } {
  const checkpointer = new Checkpointer(database.path, log)
  const outage = new Outage(
    log,
    `Database ${database.path} was moved, deleted or replaced: nothing is stored any more`,
    `Database ${database.path} is in its place again`,
  )
  const isInPlace = () => database.problem() === undefined
  const watchFile = () => {
    if (isInPlace()) outage.worked()
    else outage.failed(new ChatError('unavailable', database.rescueAdvice()))
  }
  const checkpoint = async () => {
    if (isInPlace()) await checkpointer.run(database.identity)
  }
  const jobs = [
    new Job('Watching the database file', log, watchFile).every(INTERVAL_MS),
    new Job('Optimizing', log, () => database.optimize()).at(OPTIMIZE_SCHEDULE),
  ]
  if (!isDaemon) jobs.push(new Job('Checkpointing', log, checkpoint).every(INTERVAL_MS))
  return {
    stop: async () => {
      await Promise.all(jobs.map((job) => job.stop()))
      await checkpointer.stop()
    },
  }
}
