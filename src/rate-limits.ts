import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ChatError } from './errors.ts'

/** So many of something in so many seconds, for each key (a user, an address); in any rhythm. */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | undefined
  readonly #message: string

  /**
   * @param count 0 = no limit
   * @param message what the one who exceeds it is told
   */
  constructor(count: number, seconds: number, message: string) {
    this.#limiter =
      count === 0 ? undefined : new RateLimiterMemory({ points: count, duration: seconds })
    this.#message = message
  }

  /** Counts one. @throws ChatError `too_many`, with when to try again, for one too many */
  async count(key: number | string): Promise<void> {
    try {
      await this.#limiter?.consume(key)
    } catch (refusal) {
      throw this.#tooMany(refusal)
    }
  }

  /** Refuses a key that has used up its share, without counting. @throws as `count` */
  async check(key: number | string): Promise<void> {
    const used = await this.#limiter?.get(key)
    if (used && used.remainingPoints <= 0) throw this.#tooMany(used)
  }

  #tooMany(refusal: unknown): unknown {
    if (!(refusal instanceof RateLimiterRes)) return refusal
    const retryAfterSeconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    return new ChatError('too_many', this.#message, { retryAfterSeconds })
  }
}
