import { type FixedLimit, keyFor, limitError } from './limit.ts'

/** When to try again what is limited at any one time: nobody knows, but soon. */
const RETRY_AFTER_SECONDS = 2

/** So much of something at any one time, for each key. What is taken has to be released. */
export class Quota {
  readonly #limit: FixedLimit
  readonly #taken = new Map<number | string, number>()

  constructor(limit: FixedLimit) {
    this.#limit = limit
  }

  /** How much a key holds. */
  of(key: number | string): number {
    return this.#taken.get(keyFor(this.#limit, key)) ?? 0
  }

  /**
   * Takes `amount` more, or nothing. Whoever is below the limit may go past it once: how long an answer
   * is shows when it is there, and then it had better be sent.
   *
   * @throws ChatError `too_many`, or `busy` for a limit that all share
   */
  take(key: number | string, amount = 1): void {
    const taken = this.of(key)
    if (taken >= this.#limit.max) throw limitError(this.#limit, RETRY_AFTER_SECONDS)
    this.#taken.set(keyFor(this.#limit, key), taken + amount)
  }

  release(key: number | string, amount = 1): void {
    const taken = this.of(key) - amount
    if (taken > 0) this.#taken.set(keyFor(this.#limit, key), taken)
    else this.#taken.delete(keyFor(this.#limit, key))
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
    let taken = 0
    try {
      for (const [quota, key] of this.#quotas) {
        quota.take(key, amount)
        taken += 1
      }
    } catch (error) {
      for (const [quota, key] of this.#quotas.slice(0, taken)) quota.release(key, amount)
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

/** As a Quota, but those who find it used up wait for their turn: first come, first served. */
export class Turns {
  readonly #quota: Quota
  readonly #limit: FixedLimit
  readonly #waitMs: number
  /** How to tell those who wait that it is their turn, the oldest first. */
  readonly #waiting = new Map<number | string, Set<() => void>>()

  constructor(limit: FixedLimit, waitMs: number) {
    this.#quota = new Quota(limit)
    this.#limit = limit
    this.#waitMs = waitMs
  }

  /**
   * Resolves when it is the caller's turn, which has to be released.
   *
   * @throws ChatError `too_many`, or `busy` for a limit that all share, when that takes too long
   */
  async take(key: number | string): Promise<void> {
    const countedKey = keyFor(this.#limit, key)
    if (this.#quota.of(countedKey) < this.#limit.max) return this.#quota.take(countedKey)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#leave(countedKey, takeTurn)
        reject(limitError(this.#limit, RETRY_AFTER_SECONDS))
      }, this.#waitMs)
      const takeTurn = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.set(countedKey, this.#waitingFor(countedKey).add(takeTurn))
    })
  }

  /** Hands the turn on to whoever has waited longest. */
  release(key: number | string): void {
    const countedKey = keyFor(this.#limit, key)
    const [next] = this.#waitingFor(countedKey)
    if (next === undefined) {
      this.#quota.release(countedKey)
    } else {
      this.#leave(countedKey, next)
      next()
    }
  }

  #waitingFor(key: number | string): Set<() => void> {
    return this.#waiting.get(key) ?? new Set()
  }

  #leave(key: number | string, takeTurn: () => void): void {
    const waiting = this.#waitingFor(key)
    waiting.delete(takeTurn)
    if (waiting.size === 0) this.#waiting.delete(key)
  }
}
