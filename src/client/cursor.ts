/** Messages that are remembered in order to be recognised when they come again. */
const REMEMBERED_MAX = 2_000

/**
 * The last message that the socket has told, to be resumed after, and which ones it has told lately.
 * Only what came over the socket moves it: an answer over HTTP may be newer than messages which are
 * still under way.
 */
export class Cursor {
  readonly #seen = new Set<number>()
  #value: number | undefined

  constructor(value: number | undefined) {
    this.#value = value
  }

  /** Undefined: whatever was told before, nobody can say up to where. */
  get value(): number | undefined {
    return this.#value
  }

  /** Takes note of a message from the socket; returns whether it is new. */
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

  /** Where to resume if nothing is known: the newest message of a list fetched while connected. */
  startAt(messageId: number): void {
    this.#value ??= messageId
  }

  /** The server cannot resume from here. */
  forget(): void {
    this.#value = undefined
    this.#seen.clear()
  }
}
