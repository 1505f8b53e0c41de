/** Reads a stream in pieces of a given length; shorter only at its end. */
export class ByteStream {
  readonly #chunks: AsyncIterator<Buffer>
  #ready: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Returns the bytes that have arrived, at least `length`, without consuming them. */
  async peek(length: number): Promise<Buffer> {
    while (this.#ready.length < length) {
      const { value, done } = await this.#chunks.next()
      if (done) break
      this.#ready = this.#ready.length === 0 ? value : Buffer.concat([this.#ready, value])
    }
    return this.#ready
  }

  async take(length: number): Promise<Buffer> {
    const pieces: Buffer[] = []
    for await (const piece of this.pass(length)) pieces.push(piece)
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
  }

  /** Consumes `length` bytes in the pieces in which they arrive. */
  async *pass(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      const piece = (await this.peek(1)).subarray(0, left)
      if (piece.length === 0) return
      this.#ready = this.#ready.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }

  async skip(length: number): Promise<void> {
    await drained(this.pass(length))
  }
}

export async function drained(pieces: AsyncGenerator<Buffer>): Promise<void> {
  for await (const _ of pieces) {
    // Discarded.
  }
}
