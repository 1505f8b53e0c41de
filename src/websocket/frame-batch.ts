import type { Frame } from './frame.ts'

/**
 * Frames that go out together, each under a key. They lie end to end in one piece of memory that all
 * sockets share; whoever is not to get some of them gets the stretches in between.
 */
export class FrameBatch {
  readonly #frames = new Map<number, Frame>()
  #joined: { bytes: Buffer; starts: Map<number, number> } | undefined

  get size(): number {
    return this.#frames.size
  }

  get bytes(): number {
    return this.#join().bytes.length
  }

  keys(): Iterable<number> {
    return this.#frames.keys()
  }

  add(key: number, frame: Frame): void {
    this.#frames.set(key, frame)
    this.#joined = undefined
  }

  get(key: number): Frame {
    return this.#frames.get(key) ?? Buffer.alloc(0)
  }

  /** All frames but those under these keys, in as few pieces as that takes. */
  *without(keys: number[]): Iterable<Frame> {
    const { bytes, starts } = this.#join()
    const gaps = keys.filter((key) => starts.has(key))
    const gapStarts = gaps.map((key) => [starts.get(key) as number, key] as const)
    let from = 0
    for (const [start, key] of gapStarts.sort(([a], [b]) => a - b)) {
      if (start > from) yield bytes.subarray(from, start)
      from = start + this.get(key).length
    }
    if (from < bytes.length) yield bytes.subarray(from)
  }

  #join(): { bytes: Buffer; starts: Map<number, number> } {
    if (this.#joined !== undefined) return this.#joined
    const starts = new Map<number, number>()
    let start = 0
    for (const [key, frame] of this.#frames) {
      starts.set(key, start)
      start += frame.length
    }
    this.#joined = { bytes: Buffer.concat([...this.#frames.values()]), starts }
    return this.#joined
  }
}
