import type { Content } from '../chat/model.ts'
import { type ContentRow, type MessageRow, messageFromRow, olderThan } from '../chat/rows.ts'
import { FORGOTTEN_TEXT } from '../chat/rules.ts'
import type { Forgetting } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import type { Database, Statement } from './database.ts'
import { SELECT_MESSAGE } from './message-row.ts'

/** Events that one step of `events` looks at: it blocks the event loop while it runs. */
const EVENTS_MAX = 500

interface EventRow {
  eventId: number
  messageId: number | null
}

export class SqliteForgetting implements Forgetting {
  readonly #database: Database
  readonly #wire: Wire
  readonly #selectAfter: Statement<[messageId: number, limit: number], ContentRow>
  readonly #forgetMessages: Statement<[ids: string]>
  readonly #forgetProfile: Statement<[number]>
  readonly #selectEvents: Statement<[eventId: number, limit: number], EventRow>
  readonly #selectForgotten: Statement<{ viewerId: null; ids: string }, MessageRow>
  readonly #updateEvent: Statement<{ eventId: number; data: string }>

  constructor(database: Database, wire: Wire) {
    this.#database = database
    this.#wire = wire
    this.#selectAfter = database.prepare(`
      SELECT message_id AS messageId, message, media_path AS mediaPath, created_at AS createdAt
      FROM messages
      WHERE message_id > ?
      ORDER BY message_id
      LIMIT +?
    `)
    this.#forgetMessages = database.prepare(`
      UPDATE messages SET
        message_type = 'text', message = '${FORGOTTEN_TEXT}',
        media_path = NULL, media_duration = NULL, file_size = NULL
      WHERE message_id IN (SELECT value FROM json_each(?)) AND NOT ${IS_FORGOTTEN}
    `)
    this.#forgetProfile = database.prepare(`
      UPDATE users SET username = '', name = '', profile_url = '', last_seen_at = NULL
      WHERE user_id = ?
    `)
    this.#selectEvents = database.prepare(`
      SELECT event_id AS eventId, message_id AS messageId
      FROM pending_events
      WHERE event_id > ?
      ORDER BY event_id
      LIMIT +?
    `)
    this.#selectForgotten = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id IN (SELECT value FROM json_each(@ids)) AND ${IS_FORGOTTEN}
    `)
    this.#updateEvent = database.prepare(`
      UPDATE pending_events SET data = @data WHERE event_id = @eventId AND data <> @data
    `)
  }

  async storedBefore(time: string, messageId: number, limit: number): Promise<Content[]> {
    return olderThan(this.#selectAfter.all(messageId, limit), time)
  }

  async messages(messageIds: number[]): Promise<number> {
    const ids = JSON.stringify(messageIds)
    return this.#database.write(() => this.#forgetMessages.run(ids).changes)
  }

  async profile(userId: number): Promise<void> {
    await this.#database.write(() => this.#forgetProfile.run(userId))
  }

  async events(): Promise<number> {
    let count = 0
    let events: EventRow[] = []
    // Those that come meanwhile are of new messages.
    do {
      events = this.#selectEvents.all(events.at(-1)?.eventId ?? 0, EVENTS_MAX)
      count += await this.#renew(events)
      await new Promise(setImmediate)
    } while (events.length === EVENTS_MAX)
    return count
  }

  /** Makes those of these events anew whose message is forgotten; resolves with their number. */
  async #renew(events: EventRow[]): Promise<number> {
    const ids = JSON.stringify(events.flatMap(({ messageId }) => messageId ?? []))
    const rows = this.#selectForgotten.all({ viewerId: null, ids })
    if (rows.length === 0) return 0
    const data = new Map(rows.map((row) => [row.messageId, this.#dataOf(row)]))
    return this.#database.write(() => {
      const changes = events.map(({ eventId, messageId }) => {
        const json = data.get(messageId ?? 0)
        return json === undefined ? 0 : this.#updateEvent.run({ eventId, data: json }).changes
      })
      return changes.reduce((sum, changed) => sum + changed, 0)
    })
  }

  #dataOf(row: MessageRow): string {
    return JSON.stringify(this.#wire.message(messageFromRow(row)))
  }
}

const IS_FORGOTTEN = `(messages.message = '${FORGOTTEN_TEXT}' AND messages.media_path IS NULL)`
