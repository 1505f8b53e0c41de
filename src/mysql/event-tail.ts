import type { Clock } from '../chat/clock.ts'
import type { Candidates, Position, QueuedEvent } from '../chat/model.ts'
import { EPHEMERAL_EVENTS, EPHEMERAL_SECONDS } from '../chat/rules.ts'
import type { EventTail } from '../chat/store.ts'
import type { MysqlDatabase } from './database.ts'
import { EVERYBODY, eventIdOf, SHARDS, seqOfEvent, shardOf, shardOfEvent } from './shards.ts'
import {
  parsePosition,
  positionOf,
  readSum,
  readVector,
  sumOf,
  type Vector,
  vectorFrom,
} from './vector.ts'

/** Characters of JSON in a row, as in schema.sql at the top of the project. */
const DATA_LENGTH_MAX = 1_048_576
/** A server may lag behind the one that gave the counters; after this its rows are gone. */
const HOLE_MS = 2_000

interface EventRow extends QueuedEvent {
  shard: number
  seq: number
  createdAt: string
}

/** The number of the newest event of a shard. */
interface Counter {
  shard: number
  seq: number
}

/**
 * The tail of pending_events. A position is a vector: of each shard the number of the last event.
 *
 * A poll sums up the counters of the shards; where that differs from the vector's sum it reads the
 * events of the shards that have moved. While events come, the sum would only cost its round trip:
 * then a poll begins with the counters. Since events are numbered without gaps in the order of
 * commits, the next event of a shard is the next number or none: a number that is missing below the
 * counter means that the server lags, or that this tail was away for longer than events are kept.
 */
export class MysqlEventTail implements EventTail {
  readonly #database: MysqlDatabase
  readonly #clock: Clock
  readonly #start: Vector | undefined
  /** Of each shard, the last acknowledged event; empty before the first read. */
  #acknowledged: Vector = []
  /** The events of the last read, in order, with those that are not told any more. */
  #read: EventRow[] = []
  #kept: ReadonlySet<number> = new Set()
  /** When the hole of a shard was first seen, by performance.now(). */
  readonly #holes = new Map<number, number>()
  readonly #lost = new Set<number>()
  /** Whether the last read found a shard that has moved. */
  #hasMoved = false

  constructor(database: MysqlDatabase, clock: Clock, position: Position | undefined) {
    this.#database = database
    this.#clock = clock
    this.#start = position === undefined ? undefined : parsePosition(position)
  }

  get position(): Position {
    if (this.#acknowledged.length === 0) return positionOf(this.#start ?? vectorFrom([]))
    const vector = [...this.#acknowledged]
    for (const eventId of this.#kept) {
      const shard = shardOfEvent(eventId)
      vector[shard] = Math.min(vector[shard] ?? 0, seqOfEvent(eventId) - 1)
    }
    return positionOf(vector)
  }

  /** The newest event of a shard that was acknowledged. */
  seqRead(shard: number): number {
    return this.#acknowledged[shard] ?? 0
  }

  /** Only the server knows. */
  isAtEnd(): boolean {
    return false
  }

  async read(limit: number, receivers?: Candidates): Promise<QueuedEvent[]> {
    await this.#begin()
    if (!this.#hasMoved && (await this.#isSumEqual())) return []
    const counters = await readVector(this.#database)
    const moved = counters
      .map((seq, shard) => ({ shard, seq }))
      .filter(({ shard, seq }) => seq !== this.#acknowledged[shard])
    this.#hasMoved = moved.length > 0
    const ahead = moved.filter(({ shard, seq }) => !this.#isBackInTime(shard, seq))
    const behind = receivers === undefined ? ahead : this.#passOver(ahead, receivers)
    const rows = behind.length === 0 ? [] : await this.#select(behind, limit)
    this.#read = this.#dense(behind, rows, rows.length === limit)
    this.#dropStale()
    return this.#read.filter((row) => !this.#isStale(row)).map(eventFrom)
  }

  takeGap(): ((userId: number) => boolean) | undefined {
    if (this.#lost.size === 0) return undefined
    const lost = new Set(this.#lost)
    this.#lost.clear()
    return (userId) => lost.has(EVERYBODY) || lost.has(shardOf(userId))
  }

  acknowledge({ eventId }: Pick<QueuedEvent, 'eventId'>): void {
    const at = this.#read.findIndex((row) => row.eventId === eventId)
    for (const { shard, seq } of this.#read.splice(0, at + 1)) this.#acknowledged[shard] = seq
    this.#dropStale()
  }

  async waitedSeconds(): Promise<number> {
    await this.#begin()
    return waitedSince(this.#database, this.#clock, this.#acknowledged)
  }

  /** Rows are deleted by age: other daemons read them too. */
  async deleteRead(kept: ReadonlySet<number>): Promise<boolean> {
    this.#kept = new Set(kept)
    return false
  }

  async #begin(): Promise<void> {
    if (this.#acknowledged.length > 0) return
    this.#acknowledged = [...(this.#start ?? (await this.#oldest()))]
  }

  /** The position before the oldest events that there are. */
  async #oldest(): Promise<Vector> {
    return vectorFrom(
      await this.#database.read(`
        SELECT event_shards.shard,
          COALESCE(MIN(pending_events.seq) - 1, event_shards.last_seq) AS seq
        FROM event_shards
        LEFT JOIN pending_events USING (shard)
        GROUP BY event_shards.shard, event_shards.last_seq
      `),
    )
  }

  async #isSumEqual(): Promise<boolean> {
    return (await readSum(this.#database)) === sumOf(this.#acknowledged)
  }

  /**
   * Passes over the shards of which no receiver is; returns the others. Each daemon reads a part of
   * the events where a proxy leads the users of a shard to the same one.
   */
  #passOver(moved: Counter[], receivers: Candidates): Counter[] {
    const unwanted = new Set(moved.map(({ shard }) => shard))
    unwanted.delete(EVERYBODY)
    for (const userId of receivers.keys()) {
      if (unwanted.size === 0) break
      unwanted.delete(shardOf(userId))
    }
    for (const { shard, seq } of moved) {
      if (!unwanted.has(shard)) continue
      this.#acknowledged[shard] = seq
      this.#holes.delete(shard)
    }
    return moved.filter(({ shard }) => !unwanted.has(shard))
  }

  #select(moved: Counter[], limit: number): Promise<EventRow[]> {
    const ranges = Array(moved.length).fill('(shard = ? AND seq > ? AND seq <= ?)').join(' OR ')
    const values = moved.flatMap(({ shard, seq }) => [shard, this.#acknowledged[shard], seq])
    return this.#database.readDurable<EventRow>(
      `SELECT shard, seq, event, user_id AS userId, message_id AS messageId,
        subject_user_id AS subjectUserId, created_at AS createdAt,
        IF(CHAR_LENGTH(data) <= ${DATA_LENGTH_MAX}, data, NULL) AS data
      FROM pending_events
      WHERE ${ranges}
      ORDER BY shard, seq
      LIMIT ?`,
      [...values, limit],
    )
  }

  /**
   * The rows of each shard up to the first that is missing.
   *
   * @param isCut whether there are more rows than were read
   */
  #dense(moved: Counter[], rows: EventRow[], isCut: boolean): EventRow[] {
    const dense: EventRow[] = []
    const next = [...this.#acknowledged]
    const firstSeqs = new Map<number, number>()
    for (const row of rows) {
      const { shard, seq } = row
      if (!firstSeqs.has(shard)) firstSeqs.set(shard, seq)
      if (seq !== (next[shard] ?? 0) + 1) continue
      next[shard] = seq
      dense.push({ ...row, eventId: eventIdOf(shard, seq) })
    }
    const lastShard = rows.at(-1)?.shard ?? SHARDS
    for (const { shard, seq } of moved) {
      const isComplete = !isCut || shard < lastShard
      const hasHole = isComplete && next[shard] === this.#acknowledged[shard]
      if (!hasHole) this.#holes.delete(shard)
      else this.#holeSeen(shard, (firstSeqs.get(shard) ?? seq + 1) - 1)
    }
    return dense
  }

  /** @param seq where the shard goes on if the hole stays */
  #holeSeen(shard: number, seq: number): void {
    const seenAt = this.#holes.get(shard) ?? performance.now()
    this.#holes.set(shard, seenAt)
    if (performance.now() - seenAt >= HOLE_MS) this.#skip(shard, seq)
  }

  /** A failover that lost commits: their events were told, and their numbers come again. */
  #isBackInTime(shard: number, seq: number): boolean {
    if (seq >= (this.#acknowledged[shard] ?? 0)) return false
    this.#skip(shard, seq)
    return true
  }

  #skip(shard: number, seq: number): void {
    this.#acknowledged[shard] = seq
    this.#holes.delete(shard)
    this.#lost.add(shard)
  }

  /** Passes over events that mean nothing any more, as far as all before them are acknowledged. */
  #dropStale(): void {
    while (this.#read[0] !== undefined && this.#isStale(this.#read[0])) {
      const { shard, seq } = this.#read.shift() as EventRow
      this.#acknowledged[shard] = seq
    }
  }

  #isStale({ event, createdAt }: EventRow): boolean {
    if (!EPHEMERAL_EVENTS.includes(event)) return false
    return this.#clock.secondsSince(createdAt.slice(0, 19)) > EPHEMERAL_SECONDS
  }
}

/** How long the oldest event after these has waited, in whole seconds; undefined: of all. */
export async function waitedSince(
  database: MysqlDatabase,
  clock: Clock,
  vector: Vector | undefined,
): Promise<number> {
  const next = vector?.map((seq, shard) => [shard, seq + 1])
  const oldest = await database.readValue<string | null>(
    `SELECT MIN(created_at) FROM pending_events ${next ? 'WHERE (shard, seq) IN (?)' : ''}`,
    next && [next],
  )
  return oldest ? Math.max(0, clock.secondsSince(oldest.slice(0, 19))) : 0
}

function eventFrom({
  eventId,
  event,
  userId,
  messageId,
  subjectUserId,
  data,
}: EventRow): QueuedEvent {
  return {
    eventId,
    event,
    userId,
    messageId,
    subjectUserId,
    data: data && isJson(data) ? data : null,
  }
}

/** Other programs write rows too. */
function isJson(data: string): boolean {
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}
