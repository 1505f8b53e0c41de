import type { Noise } from './noise.ts'

/** Shorter ones are nobody's stall, and not worth asking whose fault they are. */
const NOTABLE_MS = 50

/** How long somebody had to wait for a program, at worst. */
export class Waits {
  /** The longest, less what the machine is to blame for; ms. */
  longestMs = 0
  /** The longest of all, whoever is to blame; ms. */
  longestWithNoiseMs = 0
  count = 0
  readonly #noise: Noise

  constructor(noise: Noise) {
    this.#noise = noise
  }

  /** A wait that has ended just now; `from` by performance.now(). */
  add(from: number): void {
    const now = performance.now()
    const milliseconds = now - from
    this.count += 1
    this.longestWithNoiseMs = Math.max(this.longestWithNoiseMs, milliseconds)
    const excuse = milliseconds < NOTABLE_MS ? 0 : this.#noise.excuseMs(from, now)
    this.longestMs = Math.max(this.longestMs, milliseconds - excuse)
  }
}
