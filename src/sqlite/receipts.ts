import type { Clock } from '../chat/clock.ts'
import type { ReadMark, Receipt } from '../chat/model.ts'
import { isEitherBlocked, noSuchMessage, otherParticipant } from '../chat/rules.ts'
import type { Wire } from '../chat/wire.ts'
import type { SqliteBlocks } from './blocks.ts'
import type { SqliteConversations } from './conversations.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteEvents } from './events.ts'

export interface ReceiptsParts {
  database: Database
  blocks: SqliteBlocks
  conversations: SqliteConversations
  events: SqliteEvents
  wire: Wire
  clock: Clock
}

/** Marks messages as read, forwards only, for their receiver only. Idempotent. */
export class Receipts {
  readonly #parts: ReceiptsParts
  readonly #selectConversation: Statement<[number], number>
  readonly #selectUnread: Statement<UnreadParameters, Unread>
  readonly #update: Statement<UnreadParameters & { readAt: string }>

  constructor(parts: ReceiptsParts) {
    this.#parts = parts
    const { database } = parts
    this.#selectConversation = database.prepareValue(
      'SELECT conversation_id FROM messages WHERE message_id = ?',
    )
    this.#selectUnread = database.prepare(`
      SELECT count(*) AS count, max(message_id) AS lastMessageId
      ${UNREAD}
    `)
    this.#update = database.prepare(`
      UPDATE messages SET read_at = @readAt
      WHERE message_id IN (SELECT message_id ${UNREAD})
    `)
  }

  async markRead(readerId: number, mark: ReadMark): Promise<Receipt> {
    return this.#parts.database.write(() => {
      const conversationId = this.#conversationOf(readerId, mark)
      if (conversationId === undefined) return NOTHING_READ
      const otherUserId = this.#otherParticipant(conversationId, readerId)
      const { blocks, conversations, events } = this.#parts
      if (!conversations.hasUnread(conversationId, readerId))
        return { ...NOTHING_READ, conversationId }
      const throughMessageId = 'messageId' in mark ? mark.messageId : Number.MAX_SAFE_INTEGER
      const parameters = { conversationId, readerId, throughMessageId }
      const unread = this.#selectUnread.get(parameters) as Unread
      if (unread.lastMessageId === null) return { ...NOTHING_READ, conversationId }
      const readAt = this.#parts.clock.stored()
      this.#update.run({ ...parameters, readAt })
      conversations.recordRead({ conversationId, readerId, count: unread.count })
      const messageId = unread.lastMessageId
      const event = this.#parts.wire.read({ messageId, readerId, conversationId, readAt })
      const state = blocks.state(readerId, otherUserId)
      if (!isEitherBlocked(state)) events.append('chat:read', otherUserId, event)
      events.append('chat:read', readerId, event)
      return { conversationId, readCount: unread.count, messageId, readAt }
    })
  }

  /** Undefined when the two people have no conversation: there is nothing to read. */
  #conversationOf(readerId: number, mark: ReadMark): number | undefined {
    if ('conversationId' in mark) return mark.conversationId
    if ('otherUserId' in mark) return this.#parts.conversations.idOf(readerId, mark.otherUserId)
    const conversationId = this.#selectConversation.get(mark.messageId)
    if (conversationId === undefined) throw noSuchMessage()
    return conversationId
  }

  #otherParticipant(conversationId: number, userId: number): number {
    const people = this.#parts.conversations.peopleOf(conversationId)
    if (people === undefined) throw noSuchMessage()
    return otherParticipant(people, userId)
  }
}

const NOTHING_READ: Receipt = {
  conversationId: null,
  readCount: 0,
  messageId: null,
  readAt: null,
}

/**
 * A reader of a message has read those before it. So a scan back from the marked message to the
 * last that was read finds the unread ones: it costs what it marks, and needs no index that each
 * send would pay for.
 */
const UNREAD = `
  FROM messages
  WHERE conversation_id = @conversationId AND receiver_id = @readerId AND read_at IS NULL
    AND message_id <= @throughMessageId
    AND message_id > coalesce((
      SELECT message_id
      FROM messages
      WHERE conversation_id = @conversationId AND receiver_id = @readerId AND read_at IS NOT NULL
        AND message_id <= @throughMessageId
      ORDER BY message_id DESC
      LIMIT 1
    ), 0)
`

interface UnreadParameters {
  conversationId: number
  readerId: number
  throughMessageId: number
}

interface Unread {
  count: number
  lastMessageId: number | null
}
