import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import cron, { type ScheduledTask } from 'node-cron'
import { walBytes } from './database.ts'
import { ChatError } from './errors.ts'
import type { Log } from './log.ts'

/** Something to do now and then, beside the work. */
export interface Chore {
  name: string
  /** A cron expression; with six fields the first counts seconds. */
  schedule: string
  run: () => void | Promise<void>
}

/** A WAL smaller than this is left alone: copying it back would cost more than it saves. */
const WAL_CHECKPOINTED_BYTES_MIN = 4 * 1024 * 1024
/** A WAL larger than this means that checkpoints do not get through: somebody holds a reader open. */
export const WAL_WARNED_BYTES_MIN = 256 * 1024 * 1024

/**
 * node-cron would print, past our log, that a chore still runs or that a busy moment made it late.
 * Neither matters: the next time does what this one did not.
 */
const SILENT = { info() {}, warn() {}, error() {}, debug() {} }

/**
 * Runs chores on their schedules, each never twice at once. One that fails is logged, once until it
 * works again, and tried again at its next time.
 */
export class Housekeeping {
  readonly #tasks: ScheduledTask[]
  readonly #log: Log
  readonly #failing = new Set<string>()
  readonly #running = new Set<Promise<void>>()

  constructor(chores: Chore[], log: Log) {
    this.#log = log
    this.#tasks = chores.map((chore) =>
      cron.schedule(chore.schedule, () => this.#track(this.#run(chore)), {
        name: chore.name,
        noOverlap: true,
        logger: SILENT,
      }),
    )
  }

  /** Resolves when no chore runs, and none will. */
  async stop(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.destroy()))
    await Promise.all(this.#running)
  }

  async #track(run: Promise<void>): Promise<void> {
    this.#running.add(run)
    await run
    this.#running.delete(run)
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

/** Keeps the WAL of the database at `path` short, on a thread of its own that it starts when needed. */
export class Checkpointer {
  readonly #path: string
  readonly #log: Log
  #worker: Worker | undefined
  #isWarned = false

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /** @throws Error when SQLite cannot checkpoint */
  async run(): Promise<void> {
    const bytes = walBytes(this.#path)
    this.#watch(bytes)
    if (bytes < WAL_CHECKPOINTED_BYTES_MIN) return
    this.#worker ??= this.#startWorker()
    this.#worker.postMessage(this.#path)
    const [problem] = await once(this.#worker, 'message')
    if (problem !== null) throw new Error(problem)
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.js', import.meta.url))
    // It is dead then and answers nobody: the next run starts another.
    worker.once('error', () => {
      this.#worker = undefined
    })
    return worker
  }

  #watch(bytes: number): void {
    const isLarge = bytes >= WAL_WARNED_BYTES_MIN
    if (isLarge && !this.#isWarned) {
      const size = `${Math.round(bytes / 1024 / 1024)} MB`
      this.#log.warn(`The write-ahead log has grown to ${size}: some program keeps a read open`)
    }
    this.#isWarned = isLarge
  }
}
