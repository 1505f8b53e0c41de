/**
 * When receivers were last seen with a socket: one who has just lost it, because the daemon restarts
 * say, has as long to come back as one who never had it. At the start, nobody knows who had one.
 */
export class Sightings {
  readonly #graceMs: number
  readonly #now: () => number
  readonly #startedAt: number
  /** The longest ago first. */
  readonly #seenAt = new Map<number, number>()

  /** @param now ms that only ever grow */
  constructor(graceMs: number, now: () => number) {
    this.#graceMs = graceMs
    this.#now = now
    this.#startedAt = now()
  }

  /** Call for each receiver who has a socket. */
  add(userId: number): void {
    this.#forget()
    this.#seenAt.delete(userId)
    this.#seenAt.set(userId, this.#now())
  }

  /** Whether the receiver may have had a socket a moment ago. */
  isRecent(userId: number): boolean {
    this.#forget()
    return this.#now() - this.#startedAt < this.#graceMs || this.#seenAt.has(userId)
  }

  #forget(): void {
    const since = this.#now() - this.#graceMs
    for (const [userId, seenAt] of this.#seenAt) {
      if (seenAt > since) return
      this.#seenAt.delete(userId)
    }
  }
}
