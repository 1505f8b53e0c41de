import type { Clock } from '../chat/clock.ts'
import type { Message } from '../chat/model.ts'
import { type MessageRow, type WaitingRow, waitingFromRows } from '../chat/rows.ts'
import type { WaitingWebhook, WebhookBacklog, WebhookReceiver, Webhooks } from '../chat/webhooks.ts'
import type { MysqlDatabase } from './database.ts'
import { selectMessages } from './message-row.ts'

/** Rows that one call sorts in. */
const SORTED_ROWS_MAX = 2_000
/** Rows that one statement looks at for their age. */
const AGED_ROWS_MAX = 1_000
/** No daemon has this id: a list in SQL is never empty. */
const NO_DAEMON = 0

interface WebhooksParts {
  database: MysqlDatabase
  clock: Clock
}

export class MysqlWebhooks implements Webhooks {
  readonly #parts: WebhooksParts
  /** Of the last receivers that were read. */
  #lastUserId = 0

  constructor(parts: WebhooksParts) {
    this.#parts = parts
  }

  async receivers(limit: number, daemonIds: number[]): Promise<WebhookReceiver[]> {
    await this.#sort()
    const rows = await this.#parts.database.read<
      Omit<WebhookReceiver, 'isOnline'> & { isOnline: 0 | 1 }
    >(RECEIVERS, [[NO_DAEMON, ...daemonIds], this.#lastUserId, limit])
    this.#lastUserId = rows.length < limit ? 0 : (rows.at(-1)?.userId ?? 0)
    return rows.map((row) => ({ ...row, isOnline: row.isOnline === 1 }))
  }

  async waiting(userId: number, limit: number): Promise<WaitingWebhook[]> {
    const { database } = this.#parts
    const rows = await database.read<WaitingRow>(WAITING, [userId, limit])
    if (rows.length === 0) return []
    const ids = rows.map(({ messageId }) => messageId)
    const sql = `${selectMessages('?')} WHERE messages.message_id IN (?)`
    return waitingFromRows(rows, await database.readDurable<MessageRow>(sql, [userId, ids]))
  }

  async postpone(messageId: number, dueAt: string): Promise<void> {
    await this.#parts.database.write(
      'UPDATE webhooks SET due_at = ?, attempts = attempts + 1 WHERE message_id = ?',
      [dueAt, messageId],
    )
  }

  async delete({ messageId }: Pick<Message, 'messageId'>): Promise<void> {
    await this.#parts.database.write('DELETE FROM webhooks WHERE message_id = ?', [messageId])
  }

  deleteDue(userIds: number[], dueAt: string): Promise<number> {
    return this.#parts.database.write(DELETE_DUE, [userIds, dueAt])
  }

  async deleteOld(sentAt: string): Promise<number> {
    const { database } = this.#parts
    const old = await database.read<{ messageId: number }>(OLD, [AGED_ROWS_MAX, sentAt])
    if (old.length === 0) return 0
    return database.write('DELETE FROM webhooks WHERE message_id IN (?)', [
      old.map(({ messageId }) => messageId),
    ])
  }

  async backlog(): Promise<WebhookBacklog> {
    const [row] = await this.#parts.database.read<{ count: number; oldestAt: string | null }>(`
      SELECT COUNT(*) AS count, (
        SELECT created_at FROM messages WHERE message_id = (SELECT MIN(message_id) FROM webhooks)
      ) AS oldestAt
      FROM webhooks
    `)
    const { count = 0, oldestAt = null } = row ?? {}
    return {
      count,
      oldestSeconds: oldestAt === null ? 0 : this.#parts.clock.secondsSince(oldestAt),
    }
  }

  /** Sorts in what was sent since: the oldest first, so that no message overtakes an earlier one. */
  async #sort(): Promise<void> {
    const { database } = this.#parts
    const rows = await database.read<{ messageId: number }>(UNSORTED, [SORTED_ROWS_MAX])
    if (rows.length === 0) return
    await database.write('UPDATE webhooks SET sorted_user_id = user_id WHERE message_id IN (?)', [
      rows.map(({ messageId }) => messageId),
    ])
  }
}

/** Of what one statement sees, a receiver's messages are the first: a lower id is never committed later. */
const UNSORTED = `
  SELECT message_id AS messageId
  FROM webhooks
  WHERE sorted_user_id IS NULL
  ORDER BY message_id
  LIMIT ?
`

/** The server jumps from one receiver to the next: see "Using index for group-by" in EXPLAIN. */
const RECEIVERS = `
  SELECT receivers.user_id AS userId, webhooks.due_at AS dueAt, EXISTS (
    SELECT 1 FROM connections
    WHERE connections.user_id = receivers.user_id AND daemon_id IN (?)
  ) AS isOnline
  FROM (
    SELECT sorted_user_id AS user_id, MIN(message_id) AS message_id
    FROM webhooks
    WHERE sorted_user_id > ?
    GROUP BY sorted_user_id
    ORDER BY sorted_user_id
    LIMIT ?
  ) AS receivers
  JOIN webhooks ON webhooks.message_id = receivers.message_id
  ORDER BY receivers.user_id
`

const WAITING = `
  SELECT message_id AS messageId, due_at AS dueAt, attempts
  FROM webhooks
  WHERE sorted_user_id = ?
  ORDER BY message_id
  LIMIT ?
`

/** The index is named, or the server may read all rows, and lock them. */
const DELETE_DUE = `
  DELETE webhooks FROM webhooks FORCE INDEX (webhooks_of_user)
  WHERE sorted_user_id IN (?) AND due_at <= ?
`

/** As in src/sqlite/webhooks.ts. */
const OLD = `
  SELECT oldest.message_id AS messageId
  FROM (SELECT message_id FROM webhooks ORDER BY message_id LIMIT ?) AS oldest
  LEFT JOIN messages ON messages.message_id = oldest.message_id
  WHERE messages.message_id IS NULL OR messages.created_at < ?
`
