import { ChatError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Database, Statement } from '../sqlite/database.ts'

/** A row of pending_events: news for one user's sockets, or (userId null) for everybody's. */
export interface PendingEvent {
  eventId: number
  event: string
  userId: number | null
  /** The exact JSON of the frame's `data`. */
  data: string
}

/** Events that mean something only at the moment they happen: never told late. */
export const EPHEMERAL_EVENTS = ['chat:typing', 'chat:user_status']
/** Is for the daemon, and never sent: it closes the sockets of the user, or (userId null) all. */
export const DISCONNECT_EVENT = 'chat:disconnect'
/** An event as it stands in the table: `data` is null where no client could read what stands there. */
export type QueuedEvent = Omit<PendingEvent, 'data'> & { data: string | null }

/** Characters of JSON in a row: what schema.sql allows. */
export const QUEUED_DATA_LENGTH_MAX = 1_048_576
/** Rows that one statement deletes: the daemon's sockets wait while it runs. */
const DELETED_ROWS_MAX = 2_000

/** The queue between whoever has news and the daemon that tells it: the pending_events table. */
export class Events {
  readonly #database: Database
  readonly #insert: Statement<[string, number | null, string]>
  readonly #selectAfter: Statement<[number, number], QueuedEvent>
  readonly #deleteThrough: Statement<[number, string, number]>
  readonly #deleteStale: Statement<[string, string]>
  readonly #lastId: Statement<[], number>
  readonly #queuedAt: Statement<[number], string>
  /** By this process; what it writes besides brings no events. */
  #appendedCount = 0

  constructor(database: Database) {
    this.#database = database
    this.#insert = database.prepare(`
      INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, ?)
    `)
    this.#selectAfter = database.prepare(`
      SELECT event_id AS eventId, event, user_id AS userId,
        iif(length(data) <= ${QUEUED_DATA_LENGTH_MAX} AND json_valid(data), data, NULL) AS data
      FROM pending_events
      WHERE event_id > ?
      ORDER BY event_id
      LIMIT ?
    `)
    this.#deleteThrough = database.prepare(`
      DELETE FROM pending_events
      WHERE event_id IN (
        SELECT event_id
        FROM pending_events
        WHERE event_id <= ? AND event_id NOT IN (SELECT value FROM json_each(?))
        ORDER BY event_id
        LIMIT ?
      )
    `)
    this.#deleteStale = database.prepare(`
      DELETE FROM pending_events
      WHERE created_at < ? AND event IN (SELECT value FROM json_each(?))
    `)
    this.#lastId = database
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'pending_events'")
      .pluck()
    this.#queuedAt = database
      .prepare<[number], string>(`
        SELECT created_at FROM pending_events WHERE event_id > ? ORDER BY event_id LIMIT 1
      `)
      .pluck()
  }

  /** For use inside `database.write`: the event is committed with what it tells of, or not at all. */
  append(event: string, userId: number | null, data: object): number {
    this.#appendedCount += 1
    return Number(this.#insert.run(event, userId, JSON.stringify(data)).lastInsertRowid)
  }

  /**
   * Queues an event of the caller's own for one user (or, userId null, for everybody connected).
   * Resolves with its event_id once it is committed.
   */
  async broadcast(event: string, userId: number | null, data: object): Promise<number> {
    if (event.length > limits.eventNameLength.max) {
      throw new ChatError(
        'invalid',
        `event must be at most ${limits.eventNameLength.max} characters long`,
      )
    }
    // Before anything else walks through it: JSON.stringify has no limit but the stack.
    if (isDeeperThan(data, limits.eventDataLevels.max)) {
      throw new ChatError(
        'invalid',
        `data must be at most ${limits.eventDataLevels.max} levels deep`,
      )
    }
    if (Buffer.byteLength(JSON.stringify(data)) > limits.eventDataBytes.max) {
      throw new ChatError(
        'too_large',
        `data must be at most ${limits.eventDataBytes.max} bytes of JSON`,
      )
    }
    return this.#database.write(() => this.append(event, userId, data))
  }

  /** Something that is not what it was once there may be more events. */
  version(): string {
    return `${this.#database.foreignVersion()} ${this.#appendedCount}`
  }

  /**
   * Up to `limit` events that come after `eventId`, oldest first. The table refuses what is no JSON,
   * but whoever writes to the file may tell SQLite not to look.
   */
  async after(eventId: number, limit: number): Promise<QueuedEvent[]> {
    return this.#selectAfter.all(eventId, limit)
  }

  /** For use inside `database.read`: the id of the newest event ever queued; 0 when there was none. */
  lastId(): number {
    return this.#lastId.get() ?? 0
  }

  /** When the oldest of the events that come after `eventId` was queued; undefined when none waits. */
  async oldestAfter(eventId: number): Promise<string | undefined> {
    return this.#queuedAt.get(eventId)
  }

  /**
   * Deletes events up to and including `eventId`, all but those in `kept`; resolves with whether
   * there may be more to delete.
   */
  async deleteThrough(eventId: number, kept: ReadonlySet<number> = new Set()): Promise<boolean> {
    if (this.#selectAfter.get(0, 1) === undefined) return false
    const keptJson = JSON.stringify([...kept])
    const write = () => this.#deleteThrough.run(eventId, keptJson, DELETED_ROWS_MAX)
    return (await this.#database.write(write)).changes === DELETED_ROWS_MAX
  }

  /** Deletes ephemeral events queued before `storedTime`. */
  async deleteStale(storedTime: string): Promise<void> {
    const names = JSON.stringify(EPHEMERAL_EVENTS)
    await this.#database.write(() => this.#deleteStale.run(storedTime, names))
  }
}

function isDeeperThan(value: unknown, levelsMax: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levelsMax === 0 || Object.values(value).some((part) => isDeeperThan(part, levelsMax - 1))
}
