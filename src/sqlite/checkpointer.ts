import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import { WAL_WARNED_BYTES_MIN } from '../thresholds.ts'
import { WAL_COPIED_BYTES_MIN, walState } from './checkpoint.ts'

/** Checkpoints the WAL of the database at `path`, on a thread that starts when it is needed. */
export class Checkpointer {
  readonly #path: string
  readonly #log: Log
  #worker: Worker | undefined
  /** The last change of the WAL at its last checkpoint: an unchanged WAL needs no other. */
  #checkpointedAt: number | undefined
  #isWarned = false

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  /**
   * @param identity of the database file, as it was opened
   * @throws ChatError `unavailable` when SQLite cannot checkpoint
   */
  async run(identity?: string): Promise<void> {
    const { bytes, writtenAt } = walState(this.#path)
    this.#warnOfSize(bytes)
    if (bytes < WAL_COPIED_BYTES_MIN || writtenAt === this.#checkpointedAt) return
    this.#worker ??= this.#startWorker()
    this.#worker.postMessage({ path: this.#path, identity })
    const [problem] = await once(this.#worker, 'message')
    if (problem !== null) throw new ChatError('unavailable', problem)
    this.#checkpointedAt = writtenAt
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.js', import.meta.url))
    // The thread has ended: the next run starts another.
    worker.once('error', () => {
      this.#worker = undefined
    })
    return worker
  }

  #warnOfSize(bytes: number): void {
    const isLarge = bytes >= WAL_WARNED_BYTES_MIN
    if (isLarge && !this.#isWarned) {
      const size = `${Math.round(bytes / 1024 / 1024)} MB`
      this.#log.warn(`The write-ahead log has grown to ${size}: some program keeps a read open`)
    }
    this.#isWarned = isLarge
  }
}
