import type { ConversationChange } from '../chat/imports.ts'
import type { Candidates, Conversation, Participants } from '../chat/model.ts'
import { type ConversationRow, conversationFromRow } from '../chat/rows.ts'
import { pairOf } from '../chat/rules.ts'
import type { Conversations } from '../chat/store.ts'
import { blockBetween } from './blocks.ts'
import { prepareAmong } from './candidates.ts'
import type { Database, Statement } from './database.ts'

export class SqliteConversations implements Conversations {
  readonly #selectBetween: Statement<[lowerUserId: number, higherUserId: number], number>
  readonly #insert: Statement<Participants, number>
  readonly #selectParticipants: Statement<[number], Participants>
  readonly #recordMessage: Statement<
    [messageId: number, receiverId: number, receiverId: number, conversationId: number]
  >
  readonly #recordImport: Statement<ImportedChange>
  readonly #selectUnread: Statement<
    { conversationId: number; readerId: number },
    { unreadCount: number; lastMessageId: number }
  >
  readonly #recordRead: Statement<{ conversationId: number; readerId: number; count: number }>
  readonly #contactsAmong: ReturnType<typeof prepareAmong>
  readonly #list: Statement<{ userId: number; limit: number; offset: number }, ConversationRow>

  constructor(database: Database) {
    this.#selectBetween = database.prepareValue(`
      SELECT conversation_id FROM conversations WHERE lower_user_id = ? AND higher_user_id = ?
    `)
    this.#insert = database.prepareValue(`
      INSERT INTO conversations (lower_user_id, higher_user_id)
      VALUES (@lowerUserId, @higherUserId)
      RETURNING conversation_id
    `)
    this.#selectParticipants = database.prepare(`
      SELECT lower_user_id AS lowerUserId, higher_user_id AS higherUserId
      FROM conversations
      WHERE conversation_id = ?
    `)
    this.#recordMessage = database.prepare(`
      UPDATE conversations SET
        last_message_id = ?,
        lower_unread_count = lower_unread_count + (lower_user_id = ?),
        higher_unread_count = higher_unread_count + (higher_user_id = ?)
      WHERE conversation_id = ?
    `)
    this.#recordImport = database.prepare(`
      UPDATE conversations SET
        last_message_id = max(last_message_id, @lastMessageId),
        lower_unread_count = lower_unread_count + @lowerUnread,
        higher_unread_count = higher_unread_count + @higherUnread
      WHERE conversation_id = @conversationId
    `)
    this.#selectUnread = database.prepare(`
      SELECT iif(lower_user_id = @readerId, lower_unread_count, higher_unread_count) AS unreadCount,
        last_message_id AS lastMessageId
      FROM conversations
      WHERE conversation_id = @conversationId
    `)
    this.#recordRead = database.prepare(`
      UPDATE conversations SET
        lower_unread_count = lower_unread_count - (lower_user_id = @readerId) * @count,
        higher_unread_count = higher_unread_count - (higher_user_id = @readerId) * @count
      WHERE conversation_id = @conversationId
    `)
    this.#contactsAmong = prepareAmong(database, {
      others: `
        SELECT higher_user_id FROM conversations WHERE lower_user_id = @userId
        UNION ALL
        SELECT lower_user_id FROM conversations WHERE higher_user_id = @userId
      `,
      among: `
        SELECT value
        FROM json_each(@ids)
        JOIN conversations
          ON lower_user_id = min(value, @userId) AND higher_user_id = max(value, @userId)
      `,
    })
    this.#list = database.prepare(LIST)
  }

  async list(userId: number, page: { limit: number; offset: number }): Promise<Conversation[]> {
    return this.#list.all({ userId, ...page }).map(conversationFromRow)
  }

  async participants(conversationId: number): Promise<Participants | undefined> {
    return this.peopleOf(conversationId)
  }

  async contactsOf(userId: number, candidates: Candidates): Promise<number[]> {
    return this.#contactsAmong(userId, candidates)
  }

  async between(userId: number, otherUserId: number): Promise<number | undefined> {
    return this.idOf(userId, otherUserId)
  }

  idOf(userId: number, otherUserId: number): number | undefined {
    const { lowerUserId, higherUserId } = pairOf(userId, otherUserId)
    return this.#selectBetween.get(lowerUserId, higherUserId)
  }

  peopleOf(conversationId: number): Participants | undefined {
    return this.#selectParticipants.get(conversationId)
  }

  /** Returns the conversation of two people; creates it when it is missing. */
  ensure(userId: number, otherUserId: number): number {
    const conversationId = this.idOf(userId, otherUserId)
    return conversationId ?? (this.#insert.get(pairOf(userId, otherUserId)) as number)
  }

  /** Makes a message the conversation's last, and counts it as unread. */
  recordMessage(message: { conversationId: number; messageId: number; receiverId: number }): void {
    const { conversationId, messageId, receiverId } = message
    this.#recordMessage.run(messageId, receiverId, receiverId, conversationId)
  }

  /** Counts what was imported into the conversation. */
  recordImport({ conversationId, lastMessageId, lowerUnread, higherUnread }: ImportedChange): void {
    this.#recordImport.run({ conversationId, lastMessageId, lowerUnread, higherUnread })
  }

  /** How many messages the reader has not read, and the last of all, in a conversation that exists. */
  unread(inbox: { conversationId: number; readerId: number }) {
    return this.#selectUnread.get(inbox) as { unreadCount: number; lastMessageId: number }
  }

  /** Takes `count` messages off the reader's unread count. */
  recordRead(read: { conversationId: number; readerId: number; count: number }): void {
    this.#recordRead.run(read)
  }
}

interface ImportedChange extends Omit<ConversationChange, keyof Participants | 'added'> {
  conversationId: number
}

/**
 * Each side of the UNION comes ordered from its own index; SQLite merges them and stops at LIMIT.
 */
const LIST = `
  WITH mine AS (
    SELECT conversation_id, higher_user_id AS other_user_id, lower_unread_count AS unread_count,
      last_message_id
    FROM conversations
    WHERE lower_user_id = @userId
    UNION ALL
    SELECT conversation_id, lower_user_id, higher_unread_count, last_message_id
    FROM conversations
    WHERE higher_user_id = @userId
    ORDER BY last_message_id DESC
    LIMIT +@limit OFFSET @offset
  )
  SELECT mine.conversation_id AS conversationId,
    mine.unread_count AS unreadCount,
    other.user_id AS otherUserId,
    other.username AS username,
    other.name AS name,
    other.profile_url AS profileUrl,
    EXISTS (SELECT 1 FROM connections WHERE connections.user_id = other.user_id)
      AND NOT ${blockBetween('@userId', 'other.user_id')} AS isOnline,
    messages.message_id AS messageId,
    messages.sender_id AS senderId,
    messages.message AS message,
    messages.message_type AS messageType,
    messages.created_at AS createdAt
  FROM mine
  JOIN users AS other ON other.user_id = mine.other_user_id
  JOIN messages ON messages.message_id = mine.last_message_id
  ORDER BY mine.last_message_id DESC
`
