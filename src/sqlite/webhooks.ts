import type { Clock } from '../chat/clock.ts'
import type { Message } from '../chat/model.ts'
import { type MessageRow, type WaitingRow, waitingFromRows } from '../chat/rows.ts'
import type { WaitingWebhook, WebhookBacklog, WebhookReceiver, Webhooks } from '../chat/webhooks.ts'
import type { Database, Statement } from './database.ts'
import { SELECT_MESSAGE } from './message-row.ts'
import { type IndexedWebhook, WebhookIndex } from './webhook-index.ts'

/** Rows that one call reads into the index: it takes a few ms. */
const INDEXED_ROWS_MAX = 10_000
/** Rows that one statement looks at for their age. */
const AGED_ROWS_MAX = 1_000

interface WebhooksParts {
  database: Database
  clock: Clock
  webhookUrl: string
  webhookDelayMs: number
}

type ReceiverRow = Omit<WebhookReceiver, 'isOnline'> & { isOnline: 0 | 1 }

export class SqliteWebhooks implements Webhooks {
  readonly #parts: WebhooksParts
  readonly #index = new WebhookIndex()
  readonly #insert: Statement<[messageId: number, userId: number, dueAt: string]>
  readonly #selectNew: Statement<[messageId: number, limit: number], IndexedWebhook>
  readonly #receivers: Statement<{ ids: string; daemonIds: string }, ReceiverRow>
  readonly #waiting: Statement<[ids: string], WaitingRow>
  readonly #messages: Statement<{ viewerId: number; ids: string }, MessageRow>
  readonly #postpone: Statement<[dueAt: string, messageId: number]>
  readonly #delete: Statement<[messageId: number]>
  readonly #deleteDue: Statement<[ids: string, dueAt: string], IndexedWebhook>
  readonly #deleteOld: Statement<[limit: number, sentAt: string], IndexedWebhook>
  readonly #backlog: Statement<[], { count: number; oldestAt: string | null }>

  constructor(parts: WebhooksParts) {
    this.#parts = parts
    const { database } = parts
    this.#insert = database.prepare(`
      INSERT INTO webhooks (message_id, user_id, due_at) VALUES (?, ?, ?)
    `)
    this.#selectNew = database.prepare(`
      SELECT message_id AS messageId, user_id AS userId
      FROM webhooks
      WHERE message_id > ?
      ORDER BY message_id
      LIMIT +?
    `)
    this.#receivers = database.prepare(RECEIVERS)
    this.#waiting = database.prepare(`
      SELECT message_id AS messageId, due_at AS dueAt, attempts
      FROM webhooks
      WHERE message_id IN (SELECT value FROM json_each(?))
      ORDER BY message_id
    `)
    this.#messages = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id IN (SELECT value FROM json_each(@ids))
    `)
    this.#postpone = database.prepare(`
      UPDATE webhooks SET due_at = ?, attempts = attempts + 1 WHERE message_id = ?
    `)
    this.#delete = database.prepare('DELETE FROM webhooks WHERE message_id = ?')
    this.#deleteDue = database.prepare(`
      DELETE FROM webhooks
      WHERE message_id IN (SELECT value FROM json_each(?)) AND due_at <= ?
      RETURNING message_id AS messageId, user_id AS userId
    `)
    this.#deleteOld = database.prepare(DELETE_OLD)
    this.#backlog = database.prepare(`
      SELECT count(*) AS count, (
        SELECT created_at FROM messages WHERE message_id = (SELECT min(message_id) FROM webhooks)
      ) AS oldestAt
      FROM webhooks
    `)
  }

  /** Queues a message in the transaction of its send, where CHAT_WEBHOOK_URL is set. */
  queue(messageId: number, userId: number): void {
    const { webhookUrl, webhookDelayMs, clock } = this.#parts
    if (webhookUrl !== '') this.#insert.run(messageId, userId, clock.storedIn(webhookDelayMs))
  }

  async receivers(limit: number, daemonIds: number[]): Promise<WebhookReceiver[]> {
    this.#readNew()
    const heads = this.#index.heads(limit)
    const ids = idsOf(heads)
    const rows = this.#receivers.all({ ids, daemonIds: JSON.stringify(daemonIds) })
    if (rows.length < heads.length) this.#forgetGone(heads, rows)
    return rows.map((row) => ({ ...row, isOnline: row.isOnline === 1 }))
  }

  async waiting(userId: number, limit: number): Promise<WaitingWebhook[]> {
    const ids = JSON.stringify(this.#index.first(userId, limit))
    return waitingFromRows(this.#waiting.all(ids), this.#messages.all({ viewerId: userId, ids }))
  }

  async postpone(messageId: number, dueAt: string): Promise<void> {
    await this.#parts.database.write(() => this.#postpone.run(dueAt, messageId))
  }

  async delete({
    messageId,
    receiverId,
  }: Pick<Message, 'messageId' | 'receiverId'>): Promise<void> {
    await this.#parts.database.write(() => this.#delete.run(messageId))
    this.#index.delete({ messageId, userId: receiverId })
  }

  deleteDue(userIds: number[], dueAt: string): Promise<number> {
    const ids = userIds.flatMap((userId) => this.#index.first(userId, Number.POSITIVE_INFINITY))
    return this.#deleteAll(() => this.#deleteDue.all(JSON.stringify(ids), dueAt))
  }

  deleteOld(sentAt: string): Promise<number> {
    return this.#deleteAll(() => this.#deleteOld.all(AGED_ROWS_MAX, sentAt))
  }

  async backlog(): Promise<WebhookBacklog> {
    const { count = 0, oldestAt = null } = this.#backlog.get() ?? {}
    return {
      count,
      oldestSeconds: oldestAt === null ? 0 : this.#parts.clock.secondsSince(oldestAt),
    }
  }

  /** Of another process, too: AUTOINCREMENT lets no id be committed after a higher one. */
  #readNew(): void {
    const limit = Math.min(INDEXED_ROWS_MAX, this.#index.room)
    for (const webhook of this.#selectNew.all(this.#index.lastId, limit)) this.#index.add(webhook)
  }

  /** Rows that somebody deleted by hand. */
  #forgetGone(heads: IndexedWebhook[], rows: ReceiverRow[]): void {
    const found = new Set(rows.map(({ userId }) => userId))
    for (const head of heads) if (!found.has(head.userId)) this.#index.delete(head)
  }

  async #deleteAll(remove: () => IndexedWebhook[]): Promise<number> {
    const deleted = await this.#parts.database.write(remove)
    for (const webhook of deleted) this.#index.delete(webhook)
    return deleted.length
  }
}

function idsOf(webhooks: IndexedWebhook[]): string {
  return JSON.stringify(webhooks.map(({ messageId }) => messageId))
}

/** CROSS JOIN fixes the order: one lookup for each of the messages. */
const RECEIVERS = `
  SELECT webhooks.user_id AS userId, webhooks.due_at AS dueAt, EXISTS (
    SELECT 1 FROM connections
    WHERE connections.user_id = webhooks.user_id
      AND daemon_id IN (SELECT value FROM json_each(@daemonIds))
  ) AS isOnline
  FROM json_each(@ids)
  CROSS JOIN webhooks ON webhooks.message_id = json_each.value
`

/** The oldest rows are those of the oldest messages. A message that was deleted by hand is old, too. */
const DELETE_OLD = `
  DELETE FROM webhooks
  WHERE message_id IN (
    SELECT oldest.message_id
    FROM (SELECT message_id FROM webhooks ORDER BY message_id LIMIT +?) AS oldest
    LEFT JOIN messages USING (message_id)
    WHERE messages.message_id IS NULL OR messages.created_at < ?
  )
  RETURNING message_id AS messageId, user_id AS userId
`
