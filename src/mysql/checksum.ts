import { hash } from 'node:crypto'

const HALF_BITS = 64

/**
 * Tells whether two sets of rows are the same, in whatever order each of them is read. It adds up the
 * hashes of the rows, so that it takes no memory.
 */
export class Checksum {
  #count = 0
  #sum = 0n

  add(row: unknown[]): void {
    this.#count += 1
    const digest = hash('sha256', JSON.stringify(row), 'buffer')
    this.#sum = BigInt.asUintN(HALF_BITS, this.#sum + digest.readBigUInt64LE())
  }

  get count(): number {
    return this.#count
  }

  get text(): string {
    return this.#sum.toString(16).padStart(HALF_BITS / 4, '0')
  }
}
