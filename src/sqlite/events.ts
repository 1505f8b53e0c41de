import type { Clock } from '../chat/clock.ts'
import type { QueuedEvent } from '../chat/model.ts'
import { assertBroadcast, EPHEMERAL_EVENTS } from '../chat/rules.ts'
import type { Events } from '../chat/store.ts'
import type { Database, Statement } from './database.ts'

/** Characters of JSON in a row: what schema.sql allows. */
export const QUEUED_DATA_LENGTH_MAX = 1_048_576
/** Rows that one statement deletes: the daemon's sockets wait while it runs. */
const DELETED_ROWS_MAX = 2_000

export class SqliteEvents implements Events {
  readonly #database: Database
  readonly #clock: Clock
  readonly #insert: Statement<[string, number | null, string]>
  readonly #selectAfter: Statement<[number, number], QueuedEvent>
  readonly #deleteThrough: Statement<[number, string, number]>
  readonly #deleteStale: Statement<[string, string]>
  readonly #lastId: Statement<[], number>
  readonly #queuedAt: Statement<[number], string>
  /** By this process; what it writes besides brings no events. */
  #appendedCount = 0

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
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

  /** The event is committed with what it tells of, or not at all; returns its event_id. */
  append(event: string, userId: number | null, data: object): number {
    this.#appendedCount += 1
    return Number(this.#insert.run(event, userId, JSON.stringify(data)).lastInsertRowid)
  }

  async broadcast(event: string, userId: number | null, data: object): Promise<number> {
    assertBroadcast(event, data)
    return this.#database.write(() => this.append(event, userId, data))
  }

  version(): string {
    return `${this.#database.foreignVersion()} ${this.#appendedCount}`
  }

  /** The table refuses what is no JSON, but a program that writes to the file may switch that off. */
  async after(eventId: number, limit: number): Promise<QueuedEvent[]> {
    return this.#selectAfter.all(eventId, limit)
  }

  async queuedCount(): Promise<number> {
    return this.lastId()
  }

  /** The id of the newest event ever queued; 0 when there was none. */
  lastId(): number {
    return this.#lastId.get() ?? 0
  }

  async waitedSeconds(eventId: number): Promise<number> {
    const queuedAt = this.#queuedAt.get(eventId)
    return queuedAt === undefined ? 0 : Math.max(0, this.#clock.secondsSince(queuedAt))
  }

  async deleteThrough(eventId: number, kept: ReadonlySet<number> = new Set()): Promise<boolean> {
    if (this.#selectAfter.get(0, 1) === undefined) return false
    const keptJson = JSON.stringify([...kept])
    const write = () => this.#deleteThrough.run(eventId, keptJson, DELETED_ROWS_MAX)
    return (await this.#database.write(write)).changes === DELETED_ROWS_MAX
  }

  async deleteStale(storedTime: string): Promise<void> {
    const names = JSON.stringify(EPHEMERAL_EVENTS)
    await this.#database.write(() => this.#deleteStale.run(storedTime, names))
  }
}
