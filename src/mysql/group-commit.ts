import { setTimeout as delay } from 'node:timers/promises'
import { busy, CommitUnknown, callerError, isLockWait, isRetried } from './errors.ts'
import { Lane } from './lane.ts'

/** An item that has waited for longer is told to try again: its client is about to give up. */
const WAIT_MS_MAX = 5_000

/** The pause between looks at shards that are held. */
const HELD_POLL_MS = 20

/** What became of an item, once its transaction is committed. */
export type Outcome<Result> = { value: Result } | { refusal: unknown }

interface GroupCommitOptions<Item, Result> {
  /**
   * Runs items in one transaction, in their order; resolves with their outcomes.
   *
   * @param isPatient whether it waits longer for its locks: nobody holds them for long
   */
  run: (items: Item[], isPatient: boolean) => Promise<Outcome<Result>[]>
  /** The shards that an item locks. */
  shardsOf: (item: Item) => number[]
  /** Which of these shards one other transaction holds, and goes on holding. */
  heldOf: (shards: number[]) => Promise<number[]>
  /** Whether an item may run again when nobody knows if its transaction was committed. */
  isIdempotent: (item: Item) => boolean
  /** The characters of its text; undefined where all are short. */
  lengthOf?: (item: Item) => number
}

interface Waiting<Item, Result> {
  item: Item
  shards: number[]
  queuedAt: number
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Group commit: one transaction is under way at a time, and the next carries all that wait by then.
 * They share its round trips, its locks and its fsync. Each item is answered after the commit.
 *
 * Another program may hold a shard for long, by a transaction that it leaves open. Items that need
 * a held shard wait in a lane of their own, in their order: the others go on without them.
 */
export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>
  readonly #free: Lane<Waiting<Item, Result>>
  readonly #held: Lane<Waiting<Item, Result>>
  /** Until when each shard counts as held, by performance.now(). */
  readonly #heldUntil = new Map<number, number>()

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options
    const lengthOf = ({ item }: Waiting<Item, Result>) => options.lengthOf?.(item) ?? 0
    const commit = (batch: Waiting<Item, Result>[]) => this.#commit(batch)
    this.#free = new Lane(commit, lengthOf)
    this.#held = new Lane((batch) => this.#commitFree(batch), lengthOf)
  }

  /**
   * Rejects with the refusal of the item, which concerns no other, or with ChatError `unavailable`.
   */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const shards = this.#options.shardsOf(item)
      const waiting = { item, shards, queuedAt: performance.now(), resolve, reject }
      this.#laneOf(waiting).push(waiting)
    })
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.#free.drain()
    await this.#held.drain()
  }

  #laneOf({ shards }: Waiting<Item, Result>): Lane<Waiting<Item, Result>> {
    const now = performance.now()
    const isHeld = (shard: number) => (this.#heldUntil.get(shard) ?? 0) > now
    return this.#heldUntil.size > 0 && shards.some(isHeld) ? this.#held : this.#free
  }

  async #commit(waiting: Waiting<Item, Result>[], isPatient = false): Promise<void> {
    const batch = this.#inTime(waiting)
    if (batch.length === 0) return
    try {
      const items = batch.map(({ item }) => item)
      const outcomes = await this.#options.run(items, isPatient)
      if (this.#heldUntil.size > 0) this.#released(batch)
      // The next transaction begins first: the database works on it while these are answered.
      setImmediate(() => answer(batch, outcomes))
    } catch (error) {
      if (isLockWait(error)) await this.#lockWaited(batch)
      else await this.#failed(batch, error)
    }
  }

  /** Rejects what has waited for too long; returns the rest. */
  #inTime(waiting: Waiting<Item, Result>[]): Waiting<Item, Result>[] {
    const since = performance.now() - WAIT_MS_MAX
    for (const { queuedAt, reject } of waiting) if (queuedAt < since) reject(busy())
    return waiting.filter(({ queuedAt }) => queuedAt >= since)
  }

  #released(batch: Waiting<Item, Result>[]): void {
    for (const shard of batch.flatMap(({ shards }) => shards)) this.#heldUntil.delete(shard)
  }

  /**
   * Commits what needs no shard that is held by now, and puts the rest back. To wait for one within
   * a transaction would hold others meanwhile, from everybody.
   */
  async #commitFree(waiting: Waiting<Item, Result>[]): Promise<void> {
    const batch = this.#inTime(waiting)
    if (batch.length === 0) return
    await this.#findHeld(batch)
    const held = batch.filter((candidate) => this.#laneOf(candidate) === this.#held)
    this.#held.unshift(held)
    if (held.length < batch.length) await this.#commit(batch.filter((one) => !held.includes(one)))
    else await delay(HELD_POLL_MS)
  }

  /** Puts a batch back, each item into the lane where it belongs by now. */
  async #lockWaited(batch: Waiting<Item, Result>[]): Promise<void> {
    const isAnyHeld = await this.#findHeld(batch)
    if (!isAnyHeld) return this.#commit(batch, true)
    for (const lane of [this.#free, this.#held]) {
      lane.unshift(batch.filter((waiting) => this.#laneOf(waiting) === lane))
    }
  }

  async #findHeld(batch: Waiting<Item, Result>[]): Promise<boolean> {
    const shards = [...new Set(batch.flatMap((waiting) => waiting.shards))]
    const held = await this.#options.heldOf(shards)
    const until = performance.now() + WAIT_MS_MAX
    for (const shard of shards) this.#heldUntil.delete(shard)
    for (const shard of held) this.#heldUntil.set(shard, until)
    return held.length > 0
  }

  async #failed(batch: Waiting<Item, Result>[], error: unknown): Promise<void> {
    if (error instanceof CommitUnknown) {
      const mayRepeat = ({ item }: Waiting<Item, Result>) => this.#options.isIdempotent(item)
      for (const { reject } of batch.filter((waiting) => !mayRepeat(waiting))) {
        reject(callerError(error))
      }
      const again = batch.filter(mayRepeat)
      if (again.length > 0 && again.length < batch.length) await this.#commit(again)
      else for (const { reject } of again) reject(callerError(error))
    } else if (isRetried(error) || batch.length === 1) {
      for (const { reject } of batch) reject(callerError(error))
    } else {
      // One of them is at fault: alone, it fails alone.
      for (const waiting of batch) await this.#commit([waiting])
    }
  }
}

function answer<Result>(batch: Waiting<unknown, Result>[], outcomes: Outcome<Result>[]): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const outcome = outcomes[index] as Outcome<Result>
    if ('value' in outcome) resolve(outcome.value)
    else reject(outcome.refusal)
  }
}
