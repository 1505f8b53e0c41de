import cron, { type ScheduledTask } from 'node-cron'
import type { Log } from './log.ts'
import { Outage } from './outage.ts'

/**
 * node-cron would print, past our log, that a busy moment delayed a run. A job is idempotent: the
 * next run does what a late one did not.
 */
const SILENT = { info() {}, warn() {}, error() {}, debug() {} }

/**
 * A recurring job, one run at a time: `every` so many ms by a monotonic timer, or `at` the times of
 * a cron schedule. A failed run is logged, once until one works again.
 */
export class Job {
  readonly #run: () => void | Promise<void>
  readonly #outage: Outage
  #timer: NodeJS.Timeout | undefined
  #task: ScheduledTask | undefined
  #running: Promise<void> | undefined

  /** @param name 'Sweeping uploads' */
  constructor(name: string, log: Log, run: () => void | Promise<void>) {
    this.#run = run
    this.#outage = new Outage(log, `${name} failed; it will be tried again`, `${name} works again`)
  }

  every(intervalMs: number): this {
    this.#timer = setInterval(() => this.#start(), intervalMs)
    return this
  }

  /** @param schedule a cron expression */
  at(schedule: string): this {
    this.#task = cron.schedule(schedule, () => this.#start(), { logger: SILENT })
    return this
  }

  /** Runs now; resolves when the run has ended. Never rejects: a failure is logged. */
  async runNow(): Promise<void> {
    await this.#running
    await this.#attempt()
  }

  /** Stops the schedule; resolves when the last run has ended. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#task?.destroy()
    await this.#running
  }

  #start(): void {
    this.#running ??= this.#attempt().finally(() => {
      this.#running = undefined
    })
  }

  async #attempt(): Promise<void> {
    try {
      await this.#run()
      this.#outage.worked()
    } catch (error) {
      this.#outage.failed(error)
    }
  }
}
