import type { Message } from '../chat/model.ts'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { MysqlDatabase } from './database.ts'
import { type MessageRow, messageFromRow, selectMessages } from './message-row.ts'
import type { Query } from './session.ts'
import { shardOf } from './shards.ts'

/**
 * Recovery: the messages that a user received after a given one. It reads the messages, not the
 * events: events are deleted after a while, messages stay.
 */
export class Recovery {
  readonly #database: MysqlDatabase
  readonly #withOwn: boolean
  readonly #seqRead: (shard: number) => number

  /**
   * @param withOwn whether messages that the user sent count too (CHAT_ECHO_TO_SENDER)
   * @param seqRead the newest event of a shard that this process has read
   */
  constructor(database: MysqlDatabase, withOwn: boolean, seqRead: (shard: number) => number) {
    this.#database = database
    this.#withOwn = withOwn
    this.#seqRead = seqRead
  }

  async count(userId: number, messageId: number, limit: number): Promise<number> {
    const changedMax = Math.max(limit, limits.resumedConversations.max)
    const changed = await this.#database.readValue<number>(
      `SELECT COUNT(*) FROM (${CHANGED} LIMIT ?) AS changed`,
      [userId, messageId, userId, messageId, changedMax + 1],
    )
    if (changed === undefined || changed > changedMax) return limit
    const count = await this.#database.readValue<number>(
      `SELECT COUNT(*) FROM (SELECT 1 ${this.#since()} LIMIT ?) AS messages`,
      [...this.#sinceValues(userId, messageId), limit],
    )
    return count ?? 0
  }

  /**
   * A server that lags behind the one that the events were read from would leave a gap between what
   * is replayed and what comes live: so it has to have the user's events up to there.
   */
  async messages(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    const shard = shardOf(userId)
    const seqRead = this.#seqRead(shard)
    const reads: Query[] = [
      ['SELECT last_seq AS lastSeq FROM event_shards WHERE shard = ?', [shard]],
      [
        `${selectMessages('?')}
        JOIN (
          SELECT messages.message_id ${this.#since()} ORDER BY messages.message_id LIMIT ?
        ) AS page ON page.message_id = messages.message_id
        ORDER BY messages.message_id`,
        [userId, ...this.#sinceValues(userId, messageId), limit + 1],
      ],
    ]
    type Found = [{ lastSeq: number }[], MessageRow[]]
    const [[counter], rows] = await this.#database.snapshot<Found>(reads)
    if ((counter?.lastSeq ?? 0) < seqRead) throw stale()
    return { messages: rows.slice(0, limit).map(messageFromRow), hasMore: rows.length > limit }
  }

  /** STRAIGHT_JOIN fixes the order: one index lookup for each of the conversations. */
  #since(): string {
    const receiver = this.#withOwn ? 'IN (?, changed.other_user_id)' : '= ?'
    return `
      FROM (${CHANGED}) AS changed
      STRAIGHT_JOIN messages ON messages.conversation_id = changed.conversation_id
        AND messages.receiver_id ${receiver}
        AND messages.message_id > ?
    `
  }

  #sinceValues(userId: number, messageId: number): number[] {
    return [userId, messageId, userId, messageId, userId, messageId]
  }
}

/** The user's conversations with messages since. Takes user, message, user, message. */
const CHANGED = `
  SELECT conversation_id, higher_user_id AS other_user_id
  FROM conversations
  WHERE lower_user_id = ? AND last_message_id > ?
  UNION ALL
  SELECT conversation_id, lower_user_id
  FROM conversations
  WHERE higher_user_id = ? AND last_message_id > ?
`

function stale(): ChatError {
  const message = 'The database lags behind. Please try again in a moment.'
  return new ChatError('unavailable', message, { retryAfterSeconds: 1 })
}
