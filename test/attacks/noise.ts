import { readFileSync } from 'node:fs'

const TICK_MS = 10
/** Later than this, the watcher itself was held up. */
const LATE_MS = 5
/** Waits are asked about when they are over. */
const KEPT_MS = 60_000
const NS_PER_MS = 1e6

/** Until some time, so much had been waited for a processor in all; ms. */
interface Sample {
  at: number
  waitedMs: number
}

/**
 * What of a wait is the machine's doing: two cores carry the service, its attackers, and whoever
 * watches. That is the time by which this process's own timer was late, and the time for which the
 * main thread of the program that was waited for wanted a processor and got none (Linux: schedstat).
 */
export class Noise {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #samples: Sample[] = []
  #ownWaitedMs = 0
  #dueAt = performance.now() + TICK_MS

  constructor(pid: number) {
    this.#pid = pid
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Ms between two times, both by performance.now(), that the program is not to blame for. */
  excuseMs(from: number, to: number): number {
    const before = this.#samples.findLast(({ at }) => at <= from) ?? this.#samples[0]
    const after = this.#samples.find(({ at }) => at >= to) ?? this.#sample()
    return before === undefined ? 0 : after.waitedMs - before.waitedMs
  }

  #tick(): void {
    const now = performance.now()
    const lateMs = now - this.#dueAt
    if (lateMs > LATE_MS) this.#ownWaitedMs += lateMs
    this.#dueAt = now + TICK_MS
    this.#samples.push(this.#sample())
    if (now - (this.#samples[0]?.at ?? now) > 2 * KEPT_MS) {
      this.#samples = this.#samples.filter(({ at }) => now - at < KEPT_MS)
    }
  }

  #sample(): Sample {
    const waitedMs = this.#ownWaitedMs + processorWaitMs(this.#pid)
    return { at: performance.now(), waitedMs }
  }
}

/** For how long the main thread of a process has waited for a processor; 0 where nobody counts that. */
function processorWaitMs(pid: number): number {
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')
    return Number(waitedNs) / NS_PER_MS
  } catch {
    return 0
  }
}
