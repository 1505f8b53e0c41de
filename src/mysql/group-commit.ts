import { CommitUnknown, callerError, isRetried } from './errors.ts'

/** Items in one transaction: it holds the locks of all their shards. */
const BATCH_ITEMS_MAX = 256
/** Of their texts: a statement longer than the server's max_allowed_packet is refused. */
const BATCH_CHARACTERS_MAX = 256 * 1024

/** What became of an item, once its transaction is committed. */
export type Outcome<Result> = { value: Result } | { refusal: unknown }

interface Waiting<Item, Result> {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

interface GroupCommitOptions<Item, Result> {
  /** Runs items in one transaction, in their order; resolves with their outcomes. */
  run: (items: Item[]) => Promise<Outcome<Result>[]>
  /** Whether an item may run again when nobody knows if its transaction was committed. */
  isIdempotent: (item: Item) => boolean
  /** The characters of its text; undefined where all are short. */
  lengthOf?: (item: Item) => number
}

/**
 * Group commit: one transaction is under way at a time, and the next carries all that wait by then.
 * They share its round trips, its locks and its fsync. Each item is answered after the commit.
 */
export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #isRunning = false

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options
  }

  /**
   * Rejects with the refusal of the item, which concerns no other, or with ChatError `unavailable`.
   */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      void this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#isRunning) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    // What is added in the same turn of the event loop shares the transaction.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) await this.#commit(this.#next())
    this.#isRunning = false
  }

  /** Takes those that wait the longest, and at least one. */
  #next(): Waiting<Item, Result>[] {
    const { lengthOf = () => 0 } = this.#options
    let characters = 0
    const end = this.#waiting.slice(0, BATCH_ITEMS_MAX).findIndex(({ item }) => {
      characters += lengthOf(item)
      return characters > BATCH_CHARACTERS_MAX
    })
    return this.#waiting.splice(0, end === -1 ? BATCH_ITEMS_MAX : Math.max(1, end))
  }

  async #commit(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const outcomes = await this.#options.run(batch.map(({ item }) => item))
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index] as Outcome<Result>
        if ('value' in outcome) resolve(outcome.value)
        else reject(outcome.refusal)
      }
    } catch (error) {
      await this.#failed(batch, error)
    }
  }

  async #failed(batch: Waiting<Item, Result>[], error: unknown): Promise<void> {
    const isUnknown = error instanceof CommitUnknown
    const again = isUnknown ? batch.filter(({ item }) => this.#options.isIdempotent(item)) : batch
    if (isUnknown && again.length < batch.length) {
      const lost = batch.filter((waiting) => !again.includes(waiting))
      for (const { reject } of lost) reject(callerError(error))
      if (again.length > 0) await this.#commit(again)
    } else if (isUnknown || isRetried(error) || batch.length === 1) {
      for (const { reject } of batch) reject(callerError(error))
    } else {
      // One of them is at fault: alone, it fails alone.
      for (const waiting of batch) await this.#commit([waiting])
    }
  }
}
