import type { Clock } from '../chat/clock.ts'
import type { Position } from '../chat/model.ts'
import { assertBroadcast, EPHEMERAL_EVENTS } from '../chat/rules.ts'
import type { Events } from '../chat/store.ts'
import type { Database, Statement } from './database.ts'
import { SqliteEventTail } from './event-tail.ts'

export class SqliteEvents implements Events {
  readonly #database: Database
  readonly #clock: Clock
  readonly #insert: Statement<[string, number | null, string]>
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

  tail(): SqliteEventTail {
    return new SqliteEventTail(this.#database, this)
  }

  async queuedCount(): Promise<number> {
    return this.lastId()
  }

  /** The id of the newest event ever queued; 0 when there was none. */
  lastId(): number {
    return this.#lastId.get() ?? 0
  }

  async waitedSeconds(position: Position = 0): Promise<number> {
    const queuedAt = this.#queuedAt.get(Number(position))
    return queuedAt === undefined ? 0 : Math.max(0, this.#clock.secondsSince(queuedAt))
  }

  async deleteStale(storedTime: string): Promise<void> {
    const names = JSON.stringify(EPHEMERAL_EVENTS)
    await this.#database.write(() => this.#deleteStale.run(storedTime, names))
  }
}
