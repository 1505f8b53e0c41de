/** Message ids that are kept to de-duplicate. */
const REMEMBERED_MAX = 2_000

/**
 * The high-water mark of the socket: the last message received, for recovery, and the latest ids,
 * to de-duplicate. Only messages over the socket move it: an answer over HTTP may be newer than
 * messages which are still under way.
 */
export class Cursor {
  readonly #seen = new Set<number>()
  #value: number | undefined

  constructor(value: number | undefined) {
    this.#value = value
  }

  /** Undefined when it is not known up to which message the client has received. */
  get value(): number | undefined {
    return this.#value
  }

  /** Records a message from the socket; returns whether it is new. */
  see(messageId: number): boolean {
    if (this.#seen.has(messageId)) return false
    this.#seen.add(messageId)
    if (this.#seen.size > REMEMBERED_MAX) {
      const [oldest] = this.#seen
      this.#seen.delete(oldest as number)
    }
    if (this.#value === undefined || messageId > this.#value) this.#value = messageId
    return true
  }

  /** Sets the mark if it is not known: to the newest message of a list fetched while connected. */
  startAt(messageId: number): void {
    this.#value ??= messageId
  }

  /** Call when the server cannot replay from this message. */
  forget(): void {
    this.#value = undefined
    this.#seen.clear()
  }
}
