import type { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { backoffMs } from './backoff.ts'

/** Posts at one time. PHP behind the URL has some ten workers, which serve its customers too. */
export const POSTS_MAX = 16
const PAUSE_MS_MIN = 1_000
/** An application that is back is noticed after this long. */
const PAUSE_MS_MAX = 60_000

/**
 * Spares an application that takes nothing. After a failure nothing is posted for a while, twice as
 * long after each that follows; then one message at a time, until one is taken.
 */
export class Pause {
  readonly #outage: Outage
  readonly #now: () => number
  /** In a row. */
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #endsAt = Number.NEGATIVE_INFINITY

  /** @param now ms that only ever grow */
  constructor(log: Log, now: () => number) {
    this.#now = now
    this.#outage = new Outage(log, 'Webhooks are not posted', 'Webhooks are posted again')
  }

  get isOver(): boolean {
    return this.#now() >= this.#endsAt
  }

  /** How many posts may be under way. */
  get postsMax(): number {
    if (!this.isOver) return 0
    return this.#failures === 0 ? POSTS_MAX : 1
  }

  /**
   * Call for a failure. Those of posts that were under way together count as one.
   *
   * @param startedAt when the post began
   */
  failed(error: unknown, startedAt: number): void {
    this.#outage.failed(error)
    if (startedAt >= this.#failedAt) this.#failures += 1
    this.#failedAt = this.#now()
    const retryAfterMs = ((error as Partial<ChatError>).retryAfterSeconds ?? 0) * 1000
    const pauseMs = backoffMs(this.#failures, PAUSE_MS_MIN, PAUSE_MS_MAX)
    this.#endsAt = Math.max(this.#endsAt, this.#failedAt + Math.max(retryAfterMs, pauseMs))
  }

  /** Call when a post was taken that began then: one that began before a failure says nothing new. */
  worked(startedAt: number): void {
    if (startedAt < this.#failedAt) return
    this.#outage.worked()
    this.#failures = 0
  }
}
