import { type FixedLimit, keyFor, limitError } from './limit.ts'

/** Retry-After for a limit on what exists at one time: it may be free again soon. */
const RETRY_AFTER_SECONDS = 2

/** A limit per key on what exists at one time: the caller releases what it takes. */
export class Quota {
  readonly #limit: FixedLimit
  readonly #taken = new Map<number | string, number>()

  constructor(limit: FixedLimit) {
    this.#limit = limit
  }

  /** The amount that a key holds. */
  of(key: number | string): number {
    return this.#taken.get(keyFor(this.#limit, key)) ?? 0
  }

  /**
   * Takes `amount` more, or nothing. A key below the limit may exceed it once: the length of an
   * answer is known only when it is complete, and then it is better sent.
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

/** What one request or file holds of several quotas, until it releases all of it. */
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

  /** Releases everything. Idempotent. */
  release(): void {
    if (this.#amount === 0) return
    for (const [quota, key] of this.#quotas) quota.release(key, this.#amount)
    this.#amount = 0
  }
}

/** As a Quota, but callers beyond the limit wait in a queue: first in, first out. */
export class Turns {
  readonly #quota: Quota
  readonly #limit: FixedLimit
  readonly #waitMs: number
  /** The queue of each key: the functions that resolve the waiting calls, the oldest first. */
  readonly #waiting = new Map<number | string, Set<() => void>>()

  constructor(limit: FixedLimit, waitMs: number) {
    this.#quota = new Quota(limit)
    this.#limit = limit
    this.#waitMs = waitMs
  }

  /**
   * Resolves when it is the caller's turn, which the caller releases.
   *
   * @throws ChatError `too_many`, or `busy` for a limit that all share, after waitMs
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

  /** Passes the turn to the oldest waiting call. */
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
