/** Items in one transaction: it holds the locks of all their shards. */
const BATCH_ITEMS_MAX = 256
/** Of their texts: a statement longer than the server's max_allowed_packet is refused. */
const BATCH_CHARACTERS_MAX = 256 * 1024

/** A queue whose items are committed in batches, one batch at a time. */
export class Lane<Item> {
  readonly #commit: (batch: Item[]) => Promise<void>
  readonly #lengthOf: (item: Item) => number
  #waiting: Item[] = []
  #running: Promise<void> | undefined

  /**
   * @param commit never rejects
   * @param lengthOf the characters of an item's text
   */
  constructor(commit: (batch: Item[]) => Promise<void>, lengthOf: (item: Item) => number) {
    this.#commit = commit
    this.#lengthOf = lengthOf
  }

  push(item: Item): void {
    this.#waiting.push(item)
    this.#start()
  }

  /** Puts items back to the front, in their order. */
  unshift(items: Item[]): void {
    this.#waiting.unshift(...items)
    if (items.length > 0) this.#start()
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    // What is added in the same turn of the event loop shares the transaction.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#commit(this.#next())
  }

  /** Takes those that wait the longest, and at least one. */
  #next(): Item[] {
    let characters = 0
    const end = this.#waiting.slice(0, BATCH_ITEMS_MAX).findIndex((item) => {
      characters += this.#lengthOf(item)
      return characters > BATCH_CHARACTERS_MAX
    })
    return this.#waiting.splice(0, end === -1 ? BATCH_ITEMS_MAX : Math.max(1, end))
  }
}
