import type { Clock } from '../chat/clock.ts'
import type { Participants, ReadMark, Receipt } from '../chat/model.ts'
import { noSuchMessage } from '../chat/rules.ts'
import type { Wire } from '../chat/wire.ts'
import { BlocksBetween, selectBlocks } from './blocks.ts'
import { type PairRow, pair, selectPairs } from './conversations.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'
import { shardsOf } from './shards.ts'

interface ReceiptsParts {
  database: MysqlDatabase
  wire: Wire
  clock: Clock
}

/** Marks messages as read, forwards only, for their receiver only. Idempotent. */
export class Receipts {
  readonly #parts: ReceiptsParts

  constructor(parts: ReceiptsParts) {
    this.#parts = parts
  }

  async markRead(readerId: number, mark: ReadMark): Promise<Receipt> {
    // The pair of a conversation never changes, so it is read before the locks that depend on it.
    const conversation = await this.#conversationOf(readerId, mark)
    if (conversation === undefined) return NOTHING_READ
    const { conversationId } = conversation
    const otherUserId = otherParticipant(conversation, readerId)
    const throughMessageId = 'messageId' in mark ? mark.messageId : Number.MAX_SAFE_INTEGER
    const unread = [conversationId, readerId, throughMessageId]
    const unreadValues = [...unread, ...unread]
    const reads: Query[] = [
      [
        `SELECT COUNT(*) AS count, MIN(message_id) AS firstMessageId, MAX(message_id) AS messageId
        ${UNREAD}`,
        unreadValues,
      ],
      selectBlocks([[readerId, otherUserId]]),
    ]
    const shards = shardsOf([readerId, otherUserId])
    const { database, wire, clock } = this.#parts
    return database.change(
      { shards, reads, isIdempotent: true },
      async (transaction, [found]: UnreadRow[], blocks: never[]) => {
        const messageId = found?.messageId ?? null
        if (found === undefined || messageId === null) return { ...NOTHING_READ, conversationId }
        const readAt = clock.stored()
        transaction.writeLast(
          `UPDATE messages SET read_at = ?
          WHERE conversation_id = ? AND receiver_id = ? AND read_at IS NULL
            AND message_id BETWEEN ? AND ?`,
          [readAt, conversationId, readerId, found.firstMessageId, messageId],
        )
        transaction.writeLast(
          `UPDATE conversations SET
            lower_unread_count = lower_unread_count - (lower_user_id = ?) * ?,
            higher_unread_count = higher_unread_count - (higher_user_id = ?) * ?
          WHERE conversation_id = ?`,
          [readerId, found.count, readerId, found.count, conversationId],
        )
        const event = wire.read({ messageId, readerId, conversationId, readAt })
        const { isBlocked, isBlockedByOther } = new BlocksBetween(blocks).state(
          readerId,
          otherUserId,
        )
        if (!isBlocked && !isBlockedByOther) transaction.append('chat:read', otherUserId, event)
        transaction.append('chat:read', readerId, event)
        return { conversationId, readCount: found.count, messageId, readAt }
      },
    )
  }

  /** Undefined when the two people have no conversation: there is nothing to read. */
  async #conversationOf(readerId: number, mark: ReadMark): Promise<PairRow | undefined> {
    const { database } = this.#parts
    if ('otherUserId' in mark) {
      const [row] = await database.read<PairRow>(...selectPairs([pair(readerId, mark.otherUserId)]))
      return row
    }
    const conversationId =
      'conversationId' in mark
        ? mark.conversationId
        : await database.readValue<number>(
            'SELECT conversation_id FROM messages WHERE message_id = ?',
            [mark.messageId],
          )
    if (conversationId === undefined) throw noSuchMessage()
    const [row] = await database.read<Participants>(
      `SELECT lower_user_id AS lowerUserId, higher_user_id AS higherUserId
      FROM conversations WHERE conversation_id = ?`,
      [conversationId],
    )
    if (row === undefined) throw noSuchMessage()
    return { conversationId, ...row }
  }
}

const NOTHING_READ: Receipt = {
  conversationId: null,
  readCount: 0,
  messageId: null,
  readAt: null,
}

function otherParticipant({ lowerUserId, higherUserId }: Participants, userId: number): number {
  if (lowerUserId === userId) return higherUserId
  if (higherUserId === userId) return lowerUserId
  throw noSuchMessage()
}

/** As in src/sqlite/receipts.ts. Takes conversation, reader, message; then the same again. */
const UNREAD = `
  FROM messages
  WHERE conversation_id = ? AND receiver_id = ? AND read_at IS NULL AND message_id <= ?
    AND message_id > COALESCE((
      SELECT message_id
      FROM messages
      WHERE conversation_id = ? AND receiver_id = ? AND read_at IS NOT NULL AND message_id <= ?
      ORDER BY message_id DESC
      LIMIT 1
    ), 0)
`

interface UnreadRow {
  count: number
  firstMessageId: number | null
  messageId: number | null
}
