import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ChatError } from './errors.ts'
import type { FixedLimit, Limit } from './limits.ts'

/** When to try again what is limited at any one time: nobody knows, but soon. */
const RETRY_AFTER_SECONDS = 2

/** So many of something within the seconds of its limit, for each key (a user, an address). */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | undefined
  readonly #limit: Limit

  constructor(limit: FixedLimit)
  /** @param max where a setting gives it; 0 = no limit */
  constructor(limit: Limit, max: number)
  constructor(limit: Limit, max = Number(limit.max)) {
    this.#limit = limit
    this.#limiter =
      max === 0
        ? undefined
        : new RateLimiterMemory({ points: max, duration: limit.seconds as number })
  }

  /** Counts `points`. @throws ChatError `too_many`, with when to try again, for one too many */
  async count(key: number | string, points = 1): Promise<void> {
    try {
      await this.#limiter?.consume(key, points)
    } catch (refusal) {
      throw this.#tooMany(refusal)
    }
  }

  /** Takes back what was counted, as if it had not been. */
  async giveBack(key: number | string, points = 1): Promise<void> {
    await this.#limiter?.reward(key, points)
  }

  /** Refuses a key that has used up its share, without counting. @throws as `count` */
  async check(key: number | string): Promise<void> {
    const used = await this.#limiter?.get(key)
    if (used && used.remainingPoints <= 0) throw this.#tooMany(used)
  }

  #tooMany(refusal: unknown): unknown {
    if (!(refusal instanceof RateLimiterRes)) return refusal
    const retryAfterSeconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1000))
    return limitError(this.#limit, retryAfterSeconds)
  }
}

/** So much of something at any one time, for each key. What is taken has to be released. */
export class Quota {
  readonly #limit: FixedLimit
  readonly #taken = new Map<number | string, number>()

  constructor(limit: FixedLimit) {
    this.#limit = limit
  }

  /** How much a key holds. */
  of(key: number | string): number {
    return this.#taken.get(key) ?? 0
  }

  /**
   * Takes `amount` more, or nothing. Whoever is below the limit may go past it once: how long an answer
   * is shows when it is there, and then it had better be sent.
   *
   * @throws ChatError `too_many`, or `unavailable` for a limit that all share
   */
  take(key: number | string, amount = 1): void {
    const taken = this.of(key)
    if (taken >= this.#limit.max) throw limitError(this.#limit, RETRY_AFTER_SECONDS)
    this.#taken.set(key, taken + amount)
  }

  release(key: number | string, amount = 1): void {
    const taken = this.of(key) - amount
    if (taken > 0) this.#taken.set(key, taken)
    else this.#taken.delete(key)
  }
}

/** What one request or file holds of several quotas, until it gives everything back. */
export class Share {
  readonly #quotas: (readonly [Quota, number | string])[]
  #amount = 0

  /** @param quotas each with the key that this share counts under */
  constructor(...quotas: (readonly [Quota, number | string])[]) {
    this.#quotas = quotas
  }

  /** Takes `amount` more from each, or from none. @throws as `Quota.take` */
  take(amount = 1): void {
    const taken: (readonly [Quota, number | string])[] = []
    try {
      for (const [quota, key] of this.#quotas) {
        quota.take(key, amount)
        taken.push([quota, key])
      }
    } catch (error) {
      for (const [quota, key] of taken) quota.release(key, amount)
      throw error
    }
    this.#amount += amount
  }

  /** Gives everything back. Safe to call twice. */
  release(): void {
    if (this.#amount === 0) return
    for (const [quota, key] of this.#quotas) quota.release(key, this.#amount)
    this.#amount = 0
  }
}

/** What one key uses up is its own doing; what all have used up is nobody's. */
function limitError({ per, refusal = 'Too many' }: Limit, retryAfterSeconds: number): ChatError {
  const code = per === 'process' ? 'unavailable' : 'too_many'
  return new ChatError(code, refusal, { retryAfterSeconds })
}
