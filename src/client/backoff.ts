export interface BackoffOptions {
  /** The longest first wait, in ms. */
  baseMs: number
  /** The longest wait of all, in ms. */
  maxMs: number
  /** From 0 up to 1. */
  random: () => number
}

export const BACKOFF: BackoffOptions = { baseMs: 1_000, maxMs: 30_000, random: Math.random }

/**
 * Exponential backoff with full jitter: after a restart of the server its clients reconnect over
 * the whole span, not all in the same second.
 */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: Partial<BackoffOptions> = {}) {
    this.#options = { ...BACKOFF, ...options }
  }

  /** The next wait, in ms; each call is one more failure. */
  next(): number {
    const { baseMs, maxMs, random } = this.#options
    const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    return random() * ceiling
  }

  /** Call for a success: the next failure counts as the first. */
  reset(): void {
    this.#failures = 0
  }
}
