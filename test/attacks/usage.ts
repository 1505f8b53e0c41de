import { readdirSync } from 'node:fs'
import { residentBytes } from '../support/memory.ts'

const SAMPLE_MS = 200
const MEGABYTE = 1024 * 1024

/** What a process holds: memory in MB, and file descriptors. */
export interface Holding {
  memoryMb: number
  descriptors: number
}

/** What a process holds now; nothing, if it has died. */
export function holdingOf(pid: number): Holding {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    return { memoryMb: residentBytes(pid) / MEGABYTE, descriptors }
  } catch {
    return { memoryMb: Number.NaN, descriptors: Number.NaN }
  }
}

/** What a process holds while something is done to it. */
export class Usage {
  readonly pid: number
  start: Holding
  peak: Holding
  readonly #timer: NodeJS.Timeout

  constructor(pid: number) {
    this.pid = pid
    this.start = holdingOf(pid)
    this.peak = this.start
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  /** What it holds now is where it starts from; to be called while nobody is connected. */
  begin(): void {
    this.start = this.now
    this.peak = this.start
  }

  get now(): Holding {
    return holdingOf(this.pid)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const { memoryMb, descriptors } = this.now
    this.peak = {
      memoryMb: Math.max(this.peak.memoryMb, memoryMb),
      descriptors: Math.max(this.peak.descriptors, descriptors),
    }
  }
}
