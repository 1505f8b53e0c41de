import { RateLimiterMemory, type RateLimiterMySQL, RateLimiterRes } from 'rate-limiter-flexible'
import { type FixedLimit, keyFor, type Limit, limitError } from './limit.ts'
import { type LimitStore, sharedLimiter } from './limit-store.ts'

/**
 * A limit per key (a user, an address) within a window of seconds. What is rejected is not counted.
 */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | RateLimiterMySQL | undefined
  readonly #limit: Limit

  constructor(limit: FixedLimit)
  /**
   * @param max where a setting gives it; 0 = no limit
   * @param store where all processes count together; undefined = this process alone
   */
  constructor(limit: Limit, max: number, store?: LimitStore)
  constructor(limit: Limit, max = Number(limit.max), store?: LimitStore) {
    this.#limit = limit
    if (max === 0) return
    const ofProcess = new RateLimiterMemory({ points: max, duration: limit.seconds as number })
    this.#limiter = store === undefined ? ofProcess : sharedLimiter(store, limit.what, ofProcess)
  }

  /** Counts `points`. @throws ChatError `too_many` with Retry-After beyond the limit */
  async count(key: number | string, points = 1): Promise<void> {
    if (this.#limiter === undefined) return
    await this.check(key)
    try {
      await this.#limiter.consume(keyFor(this.#limit, key), points)
    } catch (refusal) {
      await this.giveBack(key, points)
      throw this.#tooMany(refusal)
    }
  }

  /** As `count`, but resolves with whether it was counted. */
  async tryCount(key: number | string, points = 1): Promise<boolean> {
    try {
      await this.count(key, points)
      return true
    } catch {
      return false
    }
  }

  /** Uncounts `points`, unless their window has passed. */
  async giveBack(key: number | string, points = 1): Promise<void> {
    const countedKey = keyFor(this.#limit, key)
    const counted = (await this.#limiter?.get(countedKey))?.consumedPoints ?? 0
    if (counted > 0) await this.#limiter?.reward(countedKey, Math.min(points, counted))
  }

  /** Rejects a key at its limit, without counting. @throws as `count` */
  async check(key: number | string): Promise<void> {
    const used = await this.#limiter?.get(keyFor(this.#limit, key))
    if (used && used.remainingPoints <= 0) throw this.#tooMany(used)
  }

  #tooMany(refusal: unknown): unknown {
    if (!(refusal instanceof RateLimiterRes)) return refusal
    const retryAfterSeconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    return limitError(this.#limit, retryAfterSeconds)
  }
}
