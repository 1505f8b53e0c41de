import type { Clock } from '../chat/clock.ts'
import type { Position } from '../chat/model.ts'
import { assertBroadcast, EPHEMERAL_EVENTS, EPHEMERAL_SECONDS } from '../chat/rules.ts'
import type { Events } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import { blockBetween } from './blocks.ts'
import type { Database, Statement } from './database.ts'
import { SqliteEventTail } from './event-tail.ts'

/** The columns that say what an event is about: see PendingEvent. */
interface About {
  messageId?: number
  subjectUserId?: number
}

export class SqliteEvents implements Events {
  readonly #database: Database
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #insert: Statement<(string | number | null)[]>
  readonly #selectMayType: Statement<{ senderId: number; receiverId: number }, 1>
  readonly #deleteStale: Statement<[string, string]>
  readonly #lastId: Statement<[], number>
  readonly #queuedAt: Statement<[number], string>
  /** Counts events that this process appended: its other writes change no version. */
  #appendedCount = 0

  constructor(database: Database, wire: Wire, clock: Clock) {
    this.#database = database
    this.#wire = wire
    this.#clock = clock
    this.#insert = database.prepare(`
      INSERT INTO pending_events (event, user_id, data, message_id, subject_user_id)
      VALUES (?, ?, ?, ?, ?)
    `)
    this.#selectMayType = database.prepareValue(`
      SELECT 1
      FROM connections
      WHERE user_id = @receiverId AND NOT ${blockBetween('@senderId', '@receiverId')}
      LIMIT 1
    `)
    this.#deleteStale = database.prepare(`
      DELETE FROM pending_events
      WHERE created_at < ? AND event IN (SELECT value FROM json_each(?))
    `)
    this.#lastId = database.prepareValue(
      "SELECT seq FROM sqlite_sequence WHERE name = 'pending_events'",
    )
    this.#queuedAt = database.prepareValue(`
      SELECT created_at FROM pending_events WHERE event_id > ? ORDER BY event_id LIMIT 1
    `)
  }

  /**
   * Inserts an event in the transaction of the change that it is about; returns its event_id.
   *
   * @param data JSON
   */
  append(event: string, userId: number | null, data: string, about: About = {}): number {
    this.#appendedCount += 1
    const { messageId = null, subjectUserId = null } = about
    return Number(this.#insert.run(event, userId, data, messageId, subjectUserId).lastInsertRowid)
  }

  /** Deletes ephemeral events that are older than EPHEMERAL_SECONDS. */
  deleteStale(): void {
    const since = new Date(this.#clock.now().getTime() - EPHEMERAL_SECONDS * 1000)
    this.#deleteStale.run(this.#clock.storedFrom(since), JSON.stringify(EPHEMERAL_EVENTS))
  }

  async broadcast(event: string, userId: number | null, data: object): Promise<number> {
    assertBroadcast(event, data)
    return this.#database.write(() => this.append(event, userId, JSON.stringify(data)))
  }

  async typing(senderId: number, receiverId: number, isTyping: boolean): Promise<void> {
    const mayType = () => this.#selectMayType.get({ senderId, receiverId }) === 1
    if (!mayType()) return
    await this.#database.write(() => {
      if (!mayType()) return
      this.append('chat:typing', receiverId, JSON.stringify(this.#wire.typing(senderId, isTyping)))
    })
  }

  version(): string {
    return `${this.#database.foreignVersion()} ${this.#appendedCount}`
  }

  tail(position: Position = 0): SqliteEventTail {
    return new SqliteEventTail(this.#database, this, Number(position))
  }

  async queuedCount(): Promise<number> {
    return this.#lastId.get() ?? 0
  }

  async waitedSeconds(position: Position = 0): Promise<number> {
    const queuedAt = this.#queuedAt.get(Number(position))
    return queuedAt === undefined ? 0 : Math.max(0, this.#clock.secondsSince(queuedAt))
  }
}
