import type { Database, Statement } from '../database.ts'
import { ChatError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { Contract } from './contract.ts'
import type { Conversations } from './conversations.ts'
import type { Events } from './events.ts'
import type { User, Users } from './users.ts'

export type MessageType = 'text' | 'image' | 'voice'

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

export interface Message {
  messageId: number
  conversationId: number
  sender: User
  receiverId: number
  messageType: MessageType
  message: string
  mediaPath: string | null
  mediaDuration: number | null
  fileSize: number | null
  clientMessageId: string | null
  readAt: string | null
  createdAt: string
}

export interface Page {
  limit: number
  /** Messages to pass over, counted from the newest. */
  offset: number
  /** Only messages older than this one. */
  beforeMessageId?: number | undefined
}

export const CLIENT_MESSAGE_ID_LENGTH_MAX = 64

interface Parts {
  database: Database
  users: Users
  conversations: Conversations
  events: Events
  contract: Contract
  clock: Clock
  messageLengthMax: number
}

/** Messages, and the rules by which they come about. */
export class Messages {
  readonly #parts: Parts
  readonly #insert: Statement<NewMessage>
  readonly #selectByClientId: Statement<[number, string], MessageRow>
  readonly #selectPage: Statement<PageParameters, MessageRow>
  readonly #selectMedia: Statement<[string], 1>

  constructor(parts: Parts) {
    this.#parts = parts
    const { database } = parts
    this.#insert = database.prepare(`
      INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message,
        media_path, media_duration, file_size, client_message_id, created_at)
      VALUES (@conversationId, @senderId, @receiverId, @messageType, @message,
        @mediaPath, @mediaDuration, @fileSize, @clientMessageId, @createdAt)
    `)
    this.#selectByClientId = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.sender_id = ? AND messages.client_message_id = ?
    `)
    this.#selectPage = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.conversation_id = @conversationId AND messages.message_id < @beforeMessageId
      ORDER BY messages.message_id DESC
      LIMIT @limit OFFSET @offset
    `)
    this.#selectMedia = database
      .prepare<[string], 1>('SELECT 1 FROM messages WHERE media_path = ?')
      .pluck()
  }

  /**
   * Stores a message and queues its chat:message event for the receiver, in one transaction.
   * Resolves once both are on the disk. A retry (see Draft.clientMessageId) resolves with the first
   * try's message and `isNew` false, and sends nothing.
   *
   * @throws ChatError `invalid` for a draft that cannot be a message; `unavailable` when the
   *   database is locked or full
   */
  async post(draft: Draft): Promise<{ message: Message; isNew: boolean }> {
    this.#validate(draft)
    return this.#parts.database.write(() => {
      const first = this.#firstTry(draft)
      if (first !== undefined) return { message: first, isNew: false }
      return { message: this.#create(draft), isNew: true }
    })
  }

  /** A page of a conversation, oldest message first, and whether older ones follow. */
  async history(
    conversationId: number,
    page: Page,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    const { limit, offset, beforeMessageId = Number.MAX_SAFE_INTEGER } = page
    const parameters = { conversationId, beforeMessageId, limit: limit + 1, offset }
    const rows = this.#selectPage.all(parameters)
    const messages = rows.slice(0, limit).reverse().map(messageFromRow)
    return { messages, hasMore: rows.length > limit }
  }

  /** Whether a file below the uploads folder belongs to a message. */
  async hasMedia(path: string): Promise<boolean> {
    return this.#selectMedia.get(path) !== undefined
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
    if (isLongerThan(draft.clientMessageId ?? '', CLIENT_MESSAGE_ID_LENGTH_MAX)) {
      const limit = `${CLIENT_MESSAGE_ID_LENGTH_MAX} characters`
      throw new ChatError('invalid', `client_message_id must be at most ${limit} long`)
    }
  }

  #firstTry(draft: Draft): Message | undefined {
    if (draft.clientMessageId === undefined) return undefined
    const row = this.#selectByClientId.get(draft.senderId, draft.clientMessageId)
    if (row === undefined) return undefined
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
    users.ensure(receiverId)
    const row: NewMessage = {
      conversationId: conversations.ensure(senderId, receiverId),
      senderId,
      receiverId,
      messageType: media?.type ?? 'text',
      message: draft.message,
      mediaPath: media?.path ?? null,
      mediaDuration: media?.duration ?? null,
      fileSize: media?.fileSize ?? null,
      clientMessageId: draft.clientMessageId ?? null,
      createdAt: clock.stored(),
    }
    const messageId = Number(this.#insert.run(row).lastInsertRowid)
    const message: Message = { ...row, messageId, sender, readAt: null }
    conversations.recordMessage(message)
    events.append('chat:message', receiverId, contract.message(message))
    return message
  }
}

interface NewMessage {
  conversationId: number
  senderId: number
  receiverId: number
  messageType: MessageType
  message: string
  mediaPath: string | null
  mediaDuration: number | null
  fileSize: number | null
  clientMessageId: string | null
  createdAt: string
}

interface PageParameters {
  conversationId: number
  beforeMessageId: number
  limit: number
  offset: number
}

const SELECT_MESSAGE = `
  SELECT messages.message_id AS messageId,
    messages.conversation_id AS conversationId,
    messages.sender_id AS senderId,
    messages.receiver_id AS receiverId,
    messages.message_type AS messageType,
    messages.message AS message,
    messages.media_path AS mediaPath,
    messages.media_duration AS mediaDuration,
    messages.file_size AS fileSize,
    messages.client_message_id AS clientMessageId,
    messages.read_at AS readAt,
    messages.created_at AS createdAt,
    sender.username AS username,
    sender.name AS name,
    sender.profile_url AS profileUrl
  FROM messages
  JOIN users AS sender ON sender.user_id = messages.sender_id
`

interface MessageRow extends NewMessage {
  messageId: number
  readAt: string | null
  username: string
  name: string
  profileUrl: string
}

function messageFromRow(row: MessageRow): Message {
  const { senderId, username, name, profileUrl, ...message } = row
  return { ...message, sender: { userId: senderId, username, name, profileUrl } }
}

/** Counts characters as people do, not UTF-16 units: an emoji is one. */
function isLongerThan(text: string, lengthMax: number): boolean {
  if (text.length <= lengthMax) return false
  return text.length > 2 * lengthMax || Array.from(text).length > lengthMax
}
