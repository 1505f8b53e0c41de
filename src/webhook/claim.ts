import { POST_TIMEOUT_MS } from './shop.ts'

const CLAIM_SECONDS = 15
const RENEWAL_MS = 5_000

/**
 * The claim of this process to post, of all chat-api on one store. A process that was frozen finds
 * by its own clock that the claim has ended, and posts nothing that its successor posts, too.
 */
export class Claim {
  readonly #claim: (seconds: number) => Promise<boolean>
  readonly #now: () => number
  #askedAt = Number.NEGATIVE_INFINITY
  #endsAt = Number.NEGATIVE_INFINITY

  /**
   * @param claim whether this process is the one, for so many seconds; 0 lets another take over
   * @param now ms that only ever grow
   */
  constructor(claim: (seconds: number) => Promise<boolean>, now: () => number) {
    this.#claim = claim
    this.#now = now
  }

  /** Whether a post that begins now ends within the claim. */
  get isHeld(): boolean {
    return this.#now() + POST_TIMEOUT_MS < this.#endsAt
  }

  /** Renews it when it is time to; resolves with whether it is held. */
  async renew(): Promise<boolean> {
    const now = this.#now()
    if (now - this.#askedAt < RENEWAL_MS) return this.isHeld
    if (await this.#claim(CLAIM_SECONDS)) this.#endsAt = now + CLAIM_SECONDS * 1000
    this.#askedAt = now
    return this.isHeld
  }

  /** Lets another process post. Never rejects: a claim that cannot be given up ends by itself. */
  async release(): Promise<void> {
    if (!this.isHeld) return
    this.#endsAt = Number.NEGATIVE_INFINITY
    await this.#claim(0).catch(() => {})
  }
}
