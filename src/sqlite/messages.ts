import type { Draft, Message, Page, Posted, ReadMark, Receipt } from '../chat/model.ts'
import { type MessageRow, messageFromRow } from '../chat/rows.ts'
import { assertDraft, assertNotBlocked, assertSameReceiver, newMessage } from '../chat/rules.ts'
import type { Messages } from '../chat/store.ts'
import type { Statement } from './database.ts'
import { SELECT_MESSAGE, unionOfPlaces } from './message-row.ts'
import { Receipts, type ReceiptsParts } from './receipts.ts'
import { Recovery } from './recovery.ts'
import type { SqliteUsers } from './users.ts'
import type { SqliteWebhooks } from './webhooks.ts'

/**
 * So many sends share a write to each page of the conversations in messages_of_conversation: see
 * schema.sql. The send that files them takes some ms longer, as does its batch.
 */
export const RECENT_MESSAGES_MAX = 1_000

interface MessagesParts extends ReceiptsParts {
  users: SqliteUsers
  webhooks: SqliteWebhooks
  /** Characters. */
  messageLengthMax: number
  /** Whether a message is also sent to the sender's own devices (CHAT_ECHO_TO_SENDER). */
  echoesToSender: boolean
}

export class SqliteMessages implements Messages {
  readonly #parts: MessagesParts
  readonly #receipts: Receipts
  readonly #recovery: Recovery
  readonly #insert: Statement<(string | number | null)[]>
  readonly #fileRecent: Statement<[]>
  readonly #selectIdByClientId: Statement<[senderId: number, clientMessageId: string], number>
  readonly #select: Statement<{ viewerId: number; messageId: number }, MessageRow>
  readonly #selectPage: Statement<PageParameters, MessageRow>
  readonly #selectMediaPeople: Statement<[string], { senderId: number; receiverId: number }>
  readonly #selectLastId: Statement<[], number>

  constructor(parts: MessagesParts) {
    this.#parts = parts
    this.#receipts = new Receipts(parts)
    this.#recovery = new Recovery(parts.database, parts.echoesToSender)
    const { database } = parts
    this.#insert = database.prepare(`
      INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message,
        media_path, media_duration, file_size, client_message_id, created_at, is_recent)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
    `)
    this.#fileRecent = database.prepare('UPDATE messages SET is_recent = 0 WHERE is_recent = 1')
    this.#selectIdByClientId = database.prepareValue(`
      SELECT message_id FROM messages WHERE sender_id = ? AND client_message_id = ?
    `)
    this.#select = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id = @messageId
    `)
    this.#selectPage = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id IN (${PAGE})
      ORDER BY messages.message_id DESC
    `)
    this.#selectMediaPeople = database.prepare(`
      SELECT sender_id AS senderId, receiver_id AS receiverId FROM messages WHERE media_path = ?
    `)
    this.#selectLastId = database.prepareValue(
      "SELECT seq FROM sqlite_sequence WHERE name = 'messages'",
    )
  }

  async post(draft: Draft): Promise<Posted> {
    assertDraft(draft, this.#parts.messageLengthMax)
    return this.#parts.database.write(() => {
      const first = this.#firstTry(draft)
      if (first !== undefined) return { message: first, json: this.#jsonOf(first), isNew: false }
      assertNotBlocked(this.#parts.blocks.state(draft.senderId, draft.receiverId))
      return this.#create(draft)
    })
  }

  async history(
    conversationId: number,
    page: Page,
    viewerId?: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    const { limit, offset, beforeMessageId = Number.MAX_SAFE_INTEGER } = page
    const part = { conversationId, beforeMessageId, limit: limit + 1, offset }
    const rows = this.#selectPage.all({ ...part, viewerId: viewerId ?? null })
    const messages = rows.slice(0, limit).reverse().map(messageFromRow)
    return { messages, hasMore: rows.length > limit }
  }

  markRead(readerId: number, mark: ReadMark): Promise<Receipt> {
    return this.#receipts.markRead(readerId, mark)
  }

  async peopleOfMedia(path: string): Promise<number[]> {
    return Object.values(this.#selectMediaPeople.get(path) ?? {})
  }

  async lastId(): Promise<number> {
    return this.#selectLastId.get() ?? 0
  }

  async countSince(userId: number, messageId: number, limit: number): Promise<number> {
    return this.#recovery.count(userId, messageId, limit)
  }

  async since(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    return this.#recovery.messages(userId, messageId, limit)
  }

  /** Makes `post` idempotent: finds the message of an earlier try, by its client_message_id. */
  #firstTry(draft: Draft): Message | undefined {
    const { senderId, clientMessageId } = draft
    if (clientMessageId === undefined) return undefined
    const messageId = this.#selectIdByClientId.get(senderId, clientMessageId)
    if (messageId === undefined) return undefined
    const row = this.#select.get({ viewerId: senderId, messageId }) as MessageRow
    assertSameReceiver(draft, row.receiverId)
    return messageFromRow(row)
  }

  #create(draft: Draft): Posted {
    const { users, conversations, events, webhooks, clock } = this.#parts
    const { senderId, receiverId } = draft
    const sender = users.ensure(senderId)
    users.add(receiverId)
    const message = newMessage(draft, sender, clock.stored())
    message.conversationId = conversations.ensure(senderId, receiverId)
    const messageId = this.#store(message)
    message.messageId = messageId
    if (messageId % RECENT_MESSAGES_MAX === 0) this.#fileRecent.run()
    conversations.recordMessage(message)
    const json = this.#jsonOf(message)
    events.append('chat:message', receiverId, json, { messageId })
    if (this.#parts.echoesToSender) events.append('chat:message', senderId, json, { messageId })
    webhooks.queue(messageId, receiverId)
    return { message, json, isNew: true }
  }

  #jsonOf(message: Message): string {
    return JSON.stringify(this.#parts.wire.message(message))
  }

  /** Returns the message_id. */
  #store(message: Message): number {
    // Parameters by position: by name, SQLite would look up each one for each message.
    const { lastInsertRowid } = this.#insert.run(
      message.conversationId,
      message.sender.userId,
      message.receiverId,
      message.messageType,
      message.message,
      message.mediaPath,
      message.mediaDuration,
      message.fileSize,
      message.clientMessageId,
      message.createdAt,
    )
    return Number(lastInsertRowid)
  }
}

/** Each part of the UNION comes ordered from the index; SQLite merges them and stops at LIMIT. */
const PAGE = `
  ${receivedBy('lower_user_id')} UNION ALL ${receivedBy('higher_user_id')}
  ORDER BY message_id DESC
  LIMIT +@limit OFFSET @offset
`

function receivedBy(receiver: string): string {
  return unionOfPlaces(
    (isRecent) => `
      SELECT message_id
      FROM messages
      WHERE ${isRecent} AND conversation_id = @conversationId AND message_id < @beforeMessageId
        AND receiver_id = (
          SELECT ${receiver} FROM conversations WHERE conversation_id = @conversationId
        )
    `,
  )
}

interface PageParameters {
  viewerId: number | null
  conversationId: number
  beforeMessageId: number
  limit: number
  offset: number
}
