import type { Clock } from '../chat/clock.ts'
import type { ReadMark, Receipt } from '../chat/model.ts'
import { isEitherBlocked, noSuchMessage, otherParticipant } from '../chat/rules.ts'
import type { Wire } from '../chat/wire.ts'
import { BlocksBetween, selectBlocks } from './blocks.ts'
import type { MysqlConversations } from './conversations.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'
import { shardsOf } from './shards.ts'

interface ReceiptsParts {
  database: MysqlDatabase
  conversations: MysqlConversations
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
    const { conversationId, otherUserId } = conversation
    const throughMessageId = 'messageId' in mark ? mark.messageId : Number.MAX_SAFE_INTEGER
    const inbox = [conversationId, readerId]
    const reads: Query[] = [
      [UNREAD_OF_ALL, [readerId, conversationId]],
      [LAST_READ, [...inbox, throughMessageId]],
      selectBlocks([[readerId, otherUserId]]),
    ]
    const shards = shardsOf([readerId, otherUserId])
    const { database, wire, clock } = this.#parts
    return database.change(
      { shards, reads, isIdempotent: true },
      async (transaction, [all]: Unread[], [lastRead]: MessageId[], blocks: never[]) => {
        if (all === undefined || all.count === 0) return { ...NOTHING_READ, conversationId }
        let after = lastRead?.messageId ?? 0
        let [unread] = await transaction.read<Unread>(UNREAD, [...inbox, after, throughMessageId])
        if (throughMessageId >= all.messageId && (unread?.count ?? 0) < all.count) {
          after = 0
          const values = [...inbox, after, throughMessageId]
          unread = (await transaction.read<Unread>(`${UNREAD} AND read_at IS NULL`, values))[0]
        }
        if (unread === undefined || unread.count === 0) return { ...NOTHING_READ, conversationId }
        const { count: readCount, messageId } = unread
        const readAt = clock.stored()
        transaction.writeLast(UPDATE_MESSAGES, [readAt, ...inbox, after, messageId])
        transaction.writeLast(UPDATE_CONVERSATION, [
          readerId,
          readCount,
          readerId,
          readCount,
          conversationId,
        ])
        const event = JSON.stringify(wire.read({ messageId, readerId, conversationId, readAt }))
        const state = new BlocksBetween(blocks).state(readerId, otherUserId)
        if (!isEitherBlocked(state)) transaction.append('chat:read', otherUserId, event)
        transaction.append('chat:read', readerId, event)
        return { conversationId, readCount, messageId, readAt }
      },
    )
  }

  /** Undefined when the two people have no conversation: there is nothing to read. */
  async #conversationOf(readerId: number, mark: ReadMark): Promise<MarkedConversation | undefined> {
    const { database, conversations } = this.#parts
    if ('otherUserId' in mark) {
      const { otherUserId } = mark
      const conversationId = await conversations.between(readerId, otherUserId)
      return conversationId === undefined ? undefined : { conversationId, otherUserId }
    }
    const conversationId =
      'conversationId' in mark
        ? mark.conversationId
        : await database.readValue<number>(
            'SELECT conversation_id FROM messages WHERE message_id = ?',
            [mark.messageId],
          )
    if (conversationId === undefined) throw noSuchMessage()
    const participants = await conversations.participants(conversationId)
    if (participants === undefined) throw noSuchMessage()
    return { conversationId, otherUserId: otherParticipant(participants, readerId) }
  }
}

/** A conversation as its reader sees it. */
interface MarkedConversation {
  conversationId: number
  otherUserId: number
}

const NOTHING_READ: Receipt = {
  conversationId: null,
  readCount: 0,
  messageId: null,
  readAt: null,
}

interface MessageId {
  messageId: number
}

interface Unread extends MessageId {
  count: number
}

const UNREAD_OF_ALL = `
  SELECT IF(lower_user_id = ?, lower_unread_count, higher_unread_count) AS count,
    last_message_id AS messageId
  FROM conversations
  WHERE conversation_id = ?
`

/**
 * A reader of a message has read those before it: what is unread begins behind the last that was
 * read, but for imported messages, as in src/sqlite/receipts.ts.
 */
const LAST_READ = `
  SELECT message_id AS messageId
  FROM messages
  WHERE conversation_id = ? AND receiver_id = ? AND read_at IS NOT NULL AND message_id <= ?
  ORDER BY message_id DESC
  LIMIT 1
`

const UNREAD = `
  SELECT COUNT(*) AS count, MAX(message_id) AS messageId
  FROM messages
  WHERE conversation_id = ? AND receiver_id = ? AND message_id > ? AND message_id <= ?
`

const UPDATE_MESSAGES = `
  UPDATE messages SET read_at = ?
  WHERE conversation_id = ? AND receiver_id = ? AND message_id > ? AND message_id <= ?
    AND read_at IS NULL
`

const UPDATE_CONVERSATION = `
  UPDATE conversations SET
    lower_unread_count = lower_unread_count - (lower_user_id = ?) * ?,
    higher_unread_count = higher_unread_count - (higher_user_id = ?) * ?
  WHERE conversation_id = ?
`
