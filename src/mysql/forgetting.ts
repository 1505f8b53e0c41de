import type { Content } from '../chat/model.ts'
import { type ContentRow, type MessageRow, messageFromRow, olderThan } from '../chat/rows.ts'
import { FORGOTTEN_TEXT } from '../chat/rules.ts'
import type { Forgetting } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import type { MysqlDatabase } from './database.ts'
import { selectMessages } from './message-row.ts'
import { shardsOf } from './shards.ts'

/** Events that one step of `events` looks at. */
const EVENTS_MAX = 500

interface EventRow {
  shard: number
  seq: number
  messageId: number | null
}

/**
 * Messages and events are changed without the locks of their shards, which sends wait for: neither
 * an order nor a number depends on what a message says.
 */
export class MysqlForgetting implements Forgetting {
  readonly #database: MysqlDatabase
  readonly #wire: Wire

  constructor(database: MysqlDatabase, wire: Wire) {
    this.#database = database
    this.#wire = wire
  }

  async storedBefore(time: string, messageId: number, limit: number): Promise<Content[]> {
    const rows = await this.#database.read<ContentRow>(
      `SELECT message_id AS messageId, message,
        CONVERT(media_path USING utf8mb4) AS mediaPath, created_at AS createdAt
      FROM messages
      WHERE message_id > ?
      ORDER BY message_id
      LIMIT ?`,
      [messageId, limit],
    )
    return olderThan(rows, time)
  }

  async messages(messageIds: number[]): Promise<number> {
    if (messageIds.length === 0) return 0
    return this.#database.write(
      `UPDATE messages FORCE INDEX (PRIMARY) SET
        message_type = 'text', message = '${FORGOTTEN_TEXT}',
        media_path = NULL, media_duration = NULL, file_size = NULL
      WHERE message_id IN (?) AND NOT ${IS_FORGOTTEN}`,
      [messageIds],
    )
  }

  /** With the lock, as a send reads the profile of its sender. */
  async profile(userId: number): Promise<void> {
    const options = { shards: shardsOf([userId]), isIdempotent: true }
    await this.#database.change(options, async (transaction) => {
      transaction.writeLast(
        `UPDATE users SET username = '', name = '', profile_url = '', last_seen_at = NULL
        WHERE user_id = ?`,
        [userId],
      )
    })
  }

  async events(): Promise<number> {
    let count = 0
    let events: EventRow[] = []
    // Those that come meanwhile are of new messages.
    do {
      events = await this.#eventsAfter(events.at(-1) ?? { shard: 0, seq: 0 })
      count += await this.#renew(events)
    } while (events.length === EVENTS_MAX)
    return count
  }

  #eventsAfter({ shard, seq }: Pick<EventRow, 'shard' | 'seq'>): Promise<EventRow[]> {
    return this.#database.read<EventRow>(
      `SELECT shard, seq, message_id AS messageId
      FROM pending_events
      WHERE (shard = ? AND seq > ?) OR shard > ?
      ORDER BY shard, seq
      LIMIT ${EVENTS_MAX}`,
      [shard, seq, shard],
    )
  }

  /** Makes those of these events anew whose message is forgotten; resolves with their number. */
  async #renew(events: EventRow[]): Promise<number> {
    const data = await this.#dataOf(events.flatMap(({ messageId }) => messageId ?? []))
    let count = 0
    for (const { shard, seq, messageId } of events) {
      const json = data.get(messageId ?? 0)
      if (json === undefined) continue
      count += await this.#database.write(
        'UPDATE pending_events SET data = ? WHERE shard = ? AND seq = ? AND data <> ?',
        [json, shard, seq, json],
      )
    }
    return count
  }

  /** The JSON of those of these messages that are forgotten, by their ids. */
  async #dataOf(messageIds: number[]): Promise<Map<number, string>> {
    if (messageIds.length === 0) return new Map()
    const rows = await this.#database.read<MessageRow>(
      `${selectMessages('NULL')} WHERE messages.message_id IN (?) AND ${IS_FORGOTTEN}`,
      [messageIds],
    )
    return new Map(
      rows.map((row) => [row.messageId, JSON.stringify(this.#wire.message(messageFromRow(row)))]),
    )
  }
}

const IS_FORGOTTEN = `(messages.message = '${FORGOTTEN_TEXT}' AND messages.media_path IS NULL)`
