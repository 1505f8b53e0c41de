import { isIPv6 } from 'node:net'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { ChatError } from './errors.ts'
import type { FixedLimit, Limit } from './limits.ts'

/** When to try again what is limited at any one time: nobody knows, but soon. */
const RETRY_AFTER_SECONDS = 2

/**
 * What an address counts as. An IPv6 client has a /64 to itself, and could come from another address
 * with every request; an IPv4 address written as IPv6 is that IPv4 address. What is no IPv6 address
 * counts as it is.
 */
export function addressKey(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const groups = ipv6Groups(address.replace(/%.*$/, ''))
  if (groups.slice(0, 6).join() === IPV4_AS_IPV6) return dotted(groups.slice(6))
  const network = groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}

/** ::ffff:0:0/96 */
const IPV4_AS_IPV6 = [0, 0, 0, 0, 0, 0xffff].join()

function dotted(groups: number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}

/** The eight numbers of an IPv6 address, whichever way it is written. */
function ipv6Groups(address: string): number[] {
  // The shortest way to write it: hexadecimal, with at most one `::`.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [start, end] = written.split('::').map((half) => half.split(':').filter(Boolean))
  const given = [...(start ?? []), ...(end ?? [])].map((group) => Number.parseInt(group, 16))
  const zeros = new Array(8 - given.length).fill(0)
  return given.toSpliced(start?.length ?? 0, 0, ...zeros)
}

/**
 * So many of something within the seconds of its limit, for each key (a user, an address). What is
 * refused is not counted.
 */
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
    if (this.#limiter === undefined) return
    await this.check(key)
    try {
      await this.#limiter.consume(keyFor(this.#limit, key), points)
    } catch (refusal) {
      await this.giveBack(key, points)
      throw this.#tooMany(refusal)
    }
  }

  /** As `count`, for where nobody is told: resolves with whether it was counted. */
  async tryCount(key: number | string, points = 1): Promise<boolean> {
    try {
      await this.count(key, points)
      return true
    } catch {
      return false
    }
  }

  /** Takes back what was counted, as if it had not been; nothing when its time has passed anyway. */
  async giveBack(key: number | string, points = 1): Promise<void> {
    const countedKey = keyFor(this.#limit, key)
    const counted = (await this.#limiter?.get(countedKey))?.consumedPoints ?? 0
    if (counted > 0) await this.#limiter?.reward(countedKey, Math.min(points, counted))
  }

  /** Refuses a key that has used up its share, without counting. @throws as `count` */
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

function keyFor({ per }: Limit, key: number | string): number | string {
  return per === 'address' ? addressKey(String(key)) : key
}

/** What one key uses up is its own doing; what all have used up is nobody's. */
function limitError({ per, refusal = 'Too many' }: Limit, retryAfterSeconds: number): ChatError {
  const code = per === 'process' ? 'busy' : 'too_many'
  return new ChatError(code, refusal, { retryAfterSeconds })
}
