import cron, { type ScheduledTask } from 'node-cron'
import { ChatError } from './errors.ts'
import type { Log } from './log.ts'

/** Something to do now and then, beside the work. */
export interface Chore {
  name: string
  /** A cron expression; with six fields the first counts seconds. */
  schedule: string
  run: () => void | Promise<void>
}

/** How often the clock is compared with one that nobody can set. */
const CLOCK_LOOK_MS = 1_000
/** A clock that is kept in step moves by less between two looks. */
const CLOCK_STEP_MS = 2_000

/**
 * node-cron would print, past our log, that a busy moment made a chore late. It does not matter: the
 * next time does what this one did not.
 */
const SILENT = { info() {}, warn() {}, error() {}, debug() {} }

/**
 * Runs chores on their schedules, each never twice at once. One that fails is logged, once until it
 * works again, and tried again at its next time.
 *
 * node-cron waits for a time of day: when the clock is set back by an hour, everything would rest for
 * an hour. So whenever the clock was set, all chores are scheduled anew.
 */
export class Housekeeping {
  readonly #chores: Chore[]
  readonly #log: Log
  readonly #isPaused: () => boolean
  readonly #failing = new Set<string>()
  readonly #running = new Map<Chore, Promise<void>>()
  readonly #clockTimer: NodeJS.Timeout
  #tasks: ScheduledTask[] = []

  /** @param isPaused asked before each time: chores rest while it says so */
  constructor(chores: Chore[], log: Log, isPaused = () => false) {
    this.#chores = chores
    this.#log = log
    this.#isPaused = isPaused
    this.#schedule()
    this.#clockTimer = this.#watchClock()
  }

  /** Resolves when no chore runs, and none will. */
  async stop(): Promise<void> {
    clearInterval(this.#clockTimer)
    await this.#unschedule()
    await Promise.all(this.#running.values())
  }

  #schedule(): void {
    const schedules = new Set(this.#chores.map(({ schedule }) => schedule))
    this.#tasks = [...schedules].map((schedule) => {
      const chores = this.#chores.filter((chore) => chore.schedule === schedule)
      const run = () => {
        if (!this.#isPaused()) for (const chore of chores) void this.#track(chore)
      }
      return cron.schedule(schedule, run, { logger: SILENT })
    })
  }

  async #unschedule(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.destroy()))
  }

  #watchClock(): NodeJS.Timeout {
    const ahead = () => Date.now() - performance.now()
    let before = ahead()
    return setInterval(async () => {
      const stepMs = ahead() - before
      if (Math.abs(stepMs) < CLOCK_STEP_MS) return
      before += stepMs
      const way = stepMs < 0 ? 'back' : 'forward'
      this.#log.warn(`The clock was set ${way} by ${Math.round(Math.abs(stepMs) / 1000)} s`)
      await this.#unschedule()
      this.#schedule()
    }, CLOCK_LOOK_MS)
  }

  async #track(chore: Chore): Promise<void> {
    if (this.#running.has(chore)) return
    const run = this.#run(chore)
    this.#running.set(chore, run)
    await run
    this.#running.delete(chore)
  }

  async #run(chore: Chore): Promise<void> {
    try {
      await chore.run()
      if (this.#failing.delete(chore.name)) this.#log.info(`${chore.name} works again`)
    } catch (error) {
      if (this.#failing.has(chore.name)) return
      this.#failing.add(chore.name)
      const message = `${chore.name} failed; it will be tried again`
      if (error instanceof ChatError) this.#log.error(`${message}: ${error.message}`)
      else this.#log.error(message, error)
    }
  }
}
