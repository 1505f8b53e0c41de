import type { Message } from '../chat/model.ts'
import { type MessageRow, messageFromRow } from '../chat/rows.ts'
import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { MysqlDatabase } from './database.ts'
import { selectMessages } from './message-row.ts'
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
    const [sql, values] = selectChanged(userId, messageId, changedMax + 1)
    const changed = await this.#database.read<Changed>(sql, values)
    if (changed.length > changedMax) return limit
    if (changed.length === 0) return 0
    const { condition, ids } = this.#since(changed, userId, messageId)
    const count = await this.#database.readValue<number>(
      `SELECT COUNT(*) FROM (SELECT 1 FROM messages WHERE ${condition} LIMIT ?) AS found`,
      [...ids, limit],
    )
    return count ?? 0
  }

  /**
   * A server that lags behind the one that the events were read from would leave a gap between what
   * is replayed and what comes live: so it has to have the user's events up to there.
   */
  messages(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    const shard = shardOf(userId)
    const seqRead = this.#seqRead(shard)
    const counter: Query = ['SELECT last_seq AS lastSeq FROM event_shards WHERE shard = ?', [shard]]
    const isSent = ({ messages }: { messages: Message[] }) => messages.length > 0
    return this.#database.snapshot(async (session) => {
      const [[row], changed] = await session.runAll<[{ lastSeq: number }[], Changed[]]>([
        counter,
        selectChanged(userId, messageId, CHANGED_MAX),
      ])
      if ((row?.lastSeq ?? 0) < seqRead) throw stale()
      if (changed.length === 0) return { messages: [], hasMore: false }
      const { condition, ids } = this.#since(changed, userId, messageId)
      const rows = await session.run<MessageRow[]>(
        `${selectMessages('?')}
        JOIN (
          SELECT message_id FROM messages WHERE ${condition} ORDER BY message_id LIMIT ?
        ) AS page ON page.message_id = messages.message_id
        ORDER BY messages.message_id`,
        [userId, ...ids, limit + 1],
      )
      return { messages: rows.slice(0, limit).map(messageFromRow), hasMore: rows.length > limit }
    }, isSent)
  }

  /** Each conversation by constants: a join would walk through all messages of each. */
  #since(changed: Changed[], userId: number, messageId: number) {
    const pairs = changed.flatMap(({ conversationId, otherUserId }) => {
      const received = [conversationId, userId, messageId]
      return this.#withOwn ? [received, [conversationId, otherUserId, messageId]] : [received]
    })
    const condition = Array(pairs.length)
      .fill('(conversation_id = ? AND receiver_id = ? AND message_id > ?)')
      .join(' OR ')
    return { condition, ids: pairs.flat() }
  }
}

/** A conversation with messages since. */
interface Changed {
  conversationId: number
  otherUserId: number
}

/** More than any count lets pass: CHAT_MAX_REPLAY is at most 10,000. */
const CHANGED_MAX = 20_000

function selectChanged(userId: number, messageId: number, limit: number): Query {
  const half = (user: string, other: string) => `(
    SELECT conversation_id AS conversationId, ${other} AS otherUserId
    FROM conversations WHERE ${user} = ? AND last_message_id > ? LIMIT ?
  )`
  const values = [userId, messageId, limit]
  return [
    `${half('lower_user_id', 'higher_user_id')} UNION ALL ${half('higher_user_id', 'lower_user_id')}
    LIMIT ?`,
    [...values, ...values, limit],
  ]
}

function stale(): ChatError {
  const message = 'The database lags behind. Please try again in a moment.'
  return new ChatError('unavailable', message, { retryAfterSeconds: 1 })
}
