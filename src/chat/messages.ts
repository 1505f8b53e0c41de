import { ChatError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Database, Statement } from '../sqlite/database.ts'
import type { Blocks } from './blocks.ts'
import type { Clock } from './clock.ts'
import type { Contract } from './contract.ts'
import type { Conversations } from './conversations.ts'
import type { Events } from './events.ts'
import { type Message, type MessageRow, messageFromRow, SELECT_MESSAGE } from './message-row.ts'
import type { Users } from './users.ts'

/** A file that belongs to a message. It is on the disk, for good, before the message is posted. */
export interface Media {
  type: 'image' | 'voice'
  /** Below the uploads folder: 'chat/voice/3f….ogg'. */
  path: string
  fileSize: number
  /** Seconds, as the sender gave them. */
  duration: number | undefined
}

export interface Draft {
  senderId: number
  receiverId: number
  /** The text; with media its caption, or ''. */
  message: string
  media?: Media | undefined
  /** The sender's own name for this send; a second send of that name is a retry of the first. */
  clientMessageId?: string | undefined
}

export interface Page {
  limit: number
  /** Messages to pass over, counted from the newest. */
  offset: number
  /** Only messages older than this one. */
  beforeMessageId?: number | undefined
}

interface Parts {
  database: Database
  users: Users
  blocks: Blocks
  conversations: Conversations
  events: Events
  contract: Contract
  clock: Clock
  /** Characters. */
  messageLengthMax: number
  /** Whether the sender's own devices are told too (CHAT_ECHO_TO_SENDER). */
  echoesToSender: boolean
}

/** Messages, and the rules by which they come about. */
export class Messages {
  readonly #parts: Parts
  readonly #insert: Statement<(string | number | null)[]>
  readonly #selectIdByClientId: Statement<[senderId: number, clientMessageId: string], number>
  readonly #select: Statement<{ viewerId: number; messageId: number }, MessageRow>
  readonly #selectPage: Statement<PageParameters, MessageRow>
  readonly #selectMediaPeople: Statement<[string], { senderId: number; receiverId: number }>

  constructor(parts: Parts) {
    this.#parts = parts
    const { database } = parts
    this.#insert = database.prepare(`
      INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message,
        media_path, media_duration, file_size, client_message_id, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    `)
    this.#selectIdByClientId = database
      .prepare<[number, string], number>(`
        SELECT message_id FROM messages WHERE sender_id = ? AND client_message_id = ?
      `)
      .pluck()
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
  }

  /**
   * Stores a message and queues its chat:message event for the receiver, in one transaction.
   * Resolves once both are on the disk. A retry (see Draft.clientMessageId) resolves with the first
   * try's message and `isNew` false, and sends nothing.
   *
   * @throws ChatError `invalid` for a draft that cannot be a message; `forbidden` when one of the
   *   two has blocked the other; `unavailable` when the database is locked or full
   */
  async post(draft: Draft): Promise<{ message: Message; isNew: boolean }> {
    this.#validate(draft)
    return this.#parts.database.write(() => {
      const first = this.#firstTry(draft)
      if (first !== undefined) return { message: first, isNew: false }
      this.#parts.blocks.refuseBetween(draft.senderId, draft.receiverId)
      return { message: this.#create(draft), isNew: true }
    })
  }

  /**
   * A page of a conversation as `viewerId` sees it (undefined: nobody knows who asks), oldest message
   * first, and whether older ones follow.
   */
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

  /** The two people whose message a file below the uploads folder belongs to; none if there is none. */
  async peopleOfMedia(path: string): Promise<number[]> {
    return Object.values(this.#selectMediaPeople.get(path) ?? {})
  }

  #validate(draft: Draft): void {
    const { messageLengthMax } = this.#parts
    if (draft.senderId === draft.receiverId) {
      throw new ChatError('invalid', 'sender_id and receiver_id must be two different users')
    }
    if (draft.media === undefined && draft.message.trim() === '') {
      throw new ChatError('invalid', 'At least one of message, image, or voice must be provided')
    }
    if (isLongerThan(draft.message, messageLengthMax)) {
      throw new ChatError('invalid', `message must be at most ${messageLengthMax} characters long`)
    }
    if (isLongerThan(draft.clientMessageId ?? '', limits.clientMessageIdLength.max)) {
      const limit = `${limits.clientMessageIdLength.max} characters`
      throw new ChatError('invalid', `client_message_id must be at most ${limit} long`)
    }
  }

  #firstTry(draft: Draft): Message | undefined {
    const { senderId, clientMessageId } = draft
    if (clientMessageId === undefined) return undefined
    const messageId = this.#selectIdByClientId.get(senderId, clientMessageId)
    if (messageId === undefined) return undefined
    const row = this.#select.get({ viewerId: senderId, messageId }) as MessageRow
    if (row.receiverId !== draft.receiverId) {
      throw new ChatError('invalid', 'client_message_id was used for a message to another user')
    }
    return messageFromRow(row)
  }

  /** Runs inside a transaction. */
  #create(draft: Draft): Message {
    const { users, conversations, events, contract, clock } = this.#parts
    const { senderId, receiverId, media } = draft
    const sender = users.ensure(senderId)
    users.add(receiverId)
    const message: Message = {
      messageId: 0,
      conversationId: conversations.ensure(senderId, receiverId),
      sender,
      receiverId,
      messageType: media?.type ?? 'text',
      message: draft.message,
      mediaPath: media?.path ?? null,
      mediaDuration: media?.duration ?? null,
      fileSize: media?.fileSize ?? null,
      clientMessageId: draft.clientMessageId ?? null,
      readAt: null,
      createdAt: clock.stored(),
    }
    message.messageId = this.#store(message)
    conversations.recordMessage(message)
    const event = contract.message(message)
    events.append('chat:message', receiverId, event)
    if (this.#parts.echoesToSender) events.append('chat:message', senderId, event)
    return message
  }

  /** Returns the id. */
  #store(message: Message): number {
    // By position: names would be looked up one by one, for each message.
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

/** Each side of the UNION comes ordered from the index; SQLite merges them and stops at LIMIT. */
const PAGE = `
  SELECT message_id
  FROM messages
  WHERE conversation_id = @conversationId AND message_id < @beforeMessageId
    AND receiver_id = (
      SELECT lower_user_id FROM conversations WHERE conversation_id = @conversationId
    )
  UNION ALL
  SELECT message_id
  FROM messages
  WHERE conversation_id = @conversationId AND message_id < @beforeMessageId
    AND receiver_id = (
      SELECT higher_user_id FROM conversations WHERE conversation_id = @conversationId
    )
  ORDER BY message_id DESC
  LIMIT @limit OFFSET @offset
`

interface PageParameters {
  viewerId: number | null
  conversationId: number
  beforeMessageId: number
  limit: number
  offset: number
}

/** Counts characters as people do, not UTF-16 units: an emoji is one. */
function isLongerThan(text: string, lengthMax: number): boolean {
  if (text.length <= lengthMax) return false
  return text.length > 2 * lengthMax || Array.from(text).length > lengthMax
}
