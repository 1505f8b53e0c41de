import type { Clock } from '../chat/clock.ts'
import type { ReadMark, Receipt } from '../chat/model.ts'
import { isEitherBlocked, noSuchMessage, otherParticipant } from '../chat/rules.ts'
import type { Wire } from '../chat/wire.ts'
import type { SqliteBlocks } from './blocks.ts'
import type { SqliteConversations } from './conversations.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteEvents } from './events.ts'
import { unionOfPlaces } from './message-row.ts'

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
  readonly #selectLastRead: Statement<Inbox & { throughMessageId: number }, number>
  readonly #selectUnread: Statement<Range, Unread>
  readonly #update: Statement<Range & { readAt: string }>

  constructor(parts: ReceiptsParts) {
    this.#parts = parts
    const { database } = parts
    this.#selectConversation = database.prepareValue(
      'SELECT conversation_id FROM messages WHERE message_id = ?',
    )
    this.#selectLastRead = database.prepareValue(`
      ${unionOfPlaces(
        (isRecent) => `
          SELECT message_id
          FROM messages
          WHERE ${isRecent} AND conversation_id = @conversationId AND receiver_id = @readerId
            AND read_at IS NOT NULL AND message_id <= @throughMessageId
        `,
      )}
      ORDER BY message_id DESC
      LIMIT 1
    `)
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
      const { blocks, conversations, events, wire } = this.#parts
      const throughMessageId = 'messageId' in mark ? mark.messageId : Number.MAX_SAFE_INTEGER
      const found = this.#unread({ conversationId, readerId }, throughMessageId)
      if (found === undefined) return { ...NOTHING_READ, conversationId }
      const { range, unread, messageId } = found
      const readAt = this.#parts.clock.stored()
      this.#update.run({ ...range, readAt })
      conversations.recordRead({ conversationId, readerId, count: unread.count })
      const event = JSON.stringify(wire.read({ messageId, readerId, conversationId, readAt }))
      const state = blocks.state(readerId, otherUserId)
      if (!isEitherBlocked(state)) events.append('chat:read', otherUserId, event)
      events.append('chat:read', readerId, event)
      return { conversationId, readCount: unread.count, messageId, readAt }
    })
  }

  /**
   * What is unread up to a message; undefined for nothing. A reader of a message has read those
   * before it, so a scan back from the marked message to the last that was read finds it: that
   * costs what it marks, and needs no index that each send would pay for. Of imported messages any
   * may be unread: those are found by their count, once the whole conversation is marked.
   */
  #unread(inbox: Inbox, throughMessageId: number) {
    const { unreadCount, lastMessageId } = this.#parts.conversations.unread(inbox)
    if (unreadCount === 0) return undefined
    const afterMessageId = this.#selectLastRead.get({ ...inbox, throughMessageId }) ?? 0
    let range = { ...inbox, afterMessageId, throughMessageId }
    let unread = this.#selectUnread.get(range) as Unread
    if (throughMessageId >= lastMessageId && unread.count < unreadCount) {
      range = { ...range, afterMessageId: 0 }
      unread = this.#selectUnread.get(range) as Unread
    }
    const { lastMessageId: messageId } = unread
    return messageId === null ? undefined : { range, unread, messageId }
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

const UNREAD = `
  FROM messages
  WHERE is_recent IN (0, 1) AND conversation_id = @conversationId AND receiver_id = @readerId
    AND read_at IS NULL AND message_id > @afterMessageId AND message_id <= @throughMessageId
`

/** What a user receives in a conversation. */
interface Inbox {
  conversationId: number
  readerId: number
}

interface Range extends Inbox {
  afterMessageId: number
  throughMessageId: number
}

interface Unread {
  count: number
  lastMessageId: number | null
}
