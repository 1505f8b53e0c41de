import type { QueuedEvent } from '../chat/model.ts'
import type { Events, EventTail } from '../chat/store.ts'
import type { Database, Statement } from './database.ts'

/** Characters of JSON in a row, as in schema.sql. */
const DATA_LENGTH_MAX = 1_048_576
/** Rows that one statement deletes: it blocks the daemon's sockets while it runs. */
const DELETED_ROWS_MAX = 2_000

/** Read as an array: SQLite's binding makes one in half the time that it takes for an object. */
type EventRow = [
  eventId: number,
  event: string,
  userId: number | null,
  messageId: number | null,
  subjectUserId: number | null,
  data: string | null,
]

/** The part of the events that a tail reads. */
interface Source extends Pick<Events, 'waitedSeconds'> {
  /** Changes whenever there may be more events. */
  version(): string
}

/**
 * The tail of pending_events. A position is the high-water mark of the acknowledged event ids:
 * SQLite assigns those in the order of commits, since only one transaction writes at a time.
 */
export class SqliteEventTail implements EventTail {
  readonly #database: Database
  readonly #events: Source
  readonly #selectAfter: Statement<[eventId: number, limit: number], EventRow>
  readonly #deleteThrough: Statement<[eventId: number, kept: string, limit: number]>
  #acknowledgedThrough: number
  /** The last event that was read: it is read again unless it is acknowledged. */
  #readThrough: number
  /** The version when it was last asked. */
  #version: string | undefined
  /** A version after which there was nothing more to read. */
  #endVersion: string | undefined

  constructor(database: Database, events: Source, position: number) {
    this.#database = database
    this.#events = events
    this.#acknowledgedThrough = position
    this.#readThrough = position
    // The table rejects invalid JSON, but a program that writes to the file may switch its checks
    // off.
    this.#selectAfter = database.prepare(`
      SELECT event_id, event, user_id, message_id, subject_user_id,
        iif(length(data) <= ${DATA_LENGTH_MAX} AND json_valid(data), data, NULL)
      FROM pending_events
      WHERE event_id > ?
      ORDER BY event_id
      LIMIT +?
    `)
    this.#selectAfter.raw()
    this.#deleteThrough = database.prepare(`
      DELETE FROM pending_events
      WHERE event_id IN (
        SELECT event_id
        FROM pending_events
        WHERE event_id <= ? AND event_id NOT IN (SELECT value FROM json_each(?))
        ORDER BY event_id
        LIMIT +?
      )
    `)
  }

  get position(): number {
    return this.#acknowledgedThrough
  }

  isAtEnd(): boolean {
    if (this.#acknowledgedThrough < this.#readThrough) return false
    this.#version = this.#events.version()
    return this.#version === this.#endVersion
  }

  async read(limit: number): Promise<QueuedEvent[]> {
    const events = this.#selectAfter.all(this.#acknowledgedThrough, limit).map(queuedEvent)
    // Not the version of now: an event that was committed since the query is in that already.
    this.#endVersion = events.length < limit ? this.#version : undefined
    this.#readThrough = events.at(-1)?.eventId ?? this.#acknowledgedThrough
    return events
  }

  /** Events stay until they are acknowledged. */
  takeGap(): undefined {
    return undefined
  }

  acknowledge({ eventId }: Pick<QueuedEvent, 'eventId'>): void {
    this.#acknowledgedThrough = eventId
  }

  waitedSeconds(): Promise<number> {
    return this.#events.waitedSeconds(this.#acknowledgedThrough)
  }

  async deleteRead(kept: ReadonlySet<number>): Promise<boolean> {
    if (this.#selectAfter.get(0, 1) === undefined) return false
    const parameters = [this.position, JSON.stringify([...kept]), DELETED_ROWS_MAX] as const
    const { changes } = await this.#database.write(() => this.#deleteThrough.run(...parameters))
    return changes === DELETED_ROWS_MAX
  }
}

function queuedEvent(row: EventRow): QueuedEvent {
  const [eventId, event, userId, messageId, subjectUserId, data] = row
  return { eventId, event, userId, messageId, subjectUserId, data }
}
