import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'

/** The age at which keys are fetched again: a revoked key stays valid for so long. */
const REFRESH_MS = 10 * 60_000
/** The least time between two fetches. */
const COOLDOWN_MS = 30_000
/** The same while there are no keys, and every token is rejected. */
const FIRST_COOLDOWN_MS = 2_000
/** Slower than this, the key server is down. */
const TIMEOUT_MS = 3_000
/** While the key server is down, old keys stay valid for so long: one may be stolen. */
const KEPT_MS = 24 * 60 * 60_000

/**
 * The keys at CHAT_JWKS_URL: fetched at first use, again at the age of REFRESH_MS, and for a token
 * that names an unknown key, which may be new; never more often than the cooldown. While the key
 * server does not answer, the fetched keys stay in use for KEPT_MS.
 */
export class PublishedKeys {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>
  readonly #outage: Outage
  readonly #now: () => number
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  /** The newest fetch; never rejects. */
  #fetching = Promise.resolve()

  /** @param now ms that only ever grow */
  constructor(url: string, log: Log, now: () => number = () => performance.now()) {
    // jose would fetch for each token that names an unknown key; this class decides when to fetch.
    const timing = {
      cacheMaxAge: Number.POSITIVE_INFINITY,
      cooldownDuration: Number.POSITIVE_INFINITY,
    }
    this.#keys = createRemoteJWKSet(new URL(url), { ...timing, timeoutDuration: TIMEOUT_MS })
    this.#outage = new Outage(
      log,
      'The keys at CHAT_JWKS_URL cannot be fetched',
      'The keys at CHAT_JWKS_URL can be fetched again',
    )
    this.#now = now
  }

  /**
   * The key that a token names.
   *
   * @throws ChatError `unavailable` while there are no keys; jose's errors for an unknown key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    await this.#keepFresh()
    try {
      return await this.#keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await this.#refresh(COOLDOWN_MS)
      return this.#keys(header, token)
    }
  }

  get #ageMs(): number {
    return this.#now() - this.#fetchedAt
  }

  async #keepFresh(): Promise<void> {
    if (this.#ageMs < REFRESH_MS) return
    const isUsable = this.#ageMs < KEPT_MS
    const refreshed = this.#refresh(isUsable ? COOLDOWN_MS : FIRST_COOLDOWN_MS)
    // While the key server is down, a token that old keys verify does not wait for it.
    if (isUsable && this.#outage.isOn) return
    await refreshed
    if (this.#ageMs < KEPT_MS) return
    const message = 'Logins cannot be checked at the moment. Please try again.'
    throw new ChatError('unavailable', message, { retryAfterSeconds: 5 })
  }

  /** Fetches the keys, unless within the cooldown; resolves when the newest fetch has ended. */
  #refresh(cooldownMs: number): Promise<void> {
    if (this.#now() - this.#triedAt >= cooldownMs) {
      this.#triedAt = this.#now()
      this.#fetching = this.#fetch()
    }
    return this.#fetching
  }

  async #fetch(): Promise<void> {
    try {
      await this.#keys.reload()
      this.#fetchedAt = this.#now()
      this.#outage.worked()
    } catch (cause) {
      const consequence =
        this.#ageMs < KEPT_MS ? 'the old ones stay in use' : 'logins cannot be checked'
      this.#outage.failed(new ChatError('unavailable', consequence, { cause }))
    }
  }
}
