import type { Candidates, Conversation, Participants } from '../chat/model.ts'
import { type ConversationRow, conversationFromRow } from '../chat/rows.ts'
import { pairOf } from '../chat/rules.ts'
import type { Conversations } from '../chat/store.ts'
import { blockBetween } from './blocks.ts'
import { among } from './candidates.ts'
import type { MysqlDatabase } from './database.ts'
import { isOnline } from './online.ts'
import type { Query } from './session.ts'

export class MysqlConversations implements Conversations {
  readonly #database: MysqlDatabase

  constructor(database: MysqlDatabase) {
    this.#database = database
  }

  async list(userId: number, page: { limit: number; offset: number }): Promise<Conversation[]> {
    const values = { userId, end: page.limit + page.offset, ...page }
    const rows = await this.#database.read<ConversationRow>(LIST, values)
    return rows.map(conversationFromRow)
  }

  async participants(conversationId: number): Promise<Participants | undefined> {
    const [participants] = await this.#database.read<Participants>(
      `SELECT lower_user_id AS lowerUserId, higher_user_id AS higherUserId
      FROM conversations WHERE conversation_id = ?`,
      [conversationId],
    )
    return participants
  }

  async between(userId: number, otherUserId: number): Promise<number | undefined> {
    const [row] = await this.#database.read<PairRow>(...selectPairs([pairOf(userId, otherUserId)]))
    return row?.conversationId
  }

  contactsOf(userId: number, candidates: Candidates): Promise<number[]> {
    return among(this.#database, userId, candidates, {
      others: [
        'SELECT higher_user_id AS userId FROM conversations WHERE lower_user_id = ?',
        'SELECT lower_user_id FROM conversations WHERE higher_user_id = ?',
      ],
      among: (ids) => [
        `SELECT higher_user_id AS userId FROM conversations
        WHERE lower_user_id = ? AND higher_user_id IN (?)
        UNION ALL
        SELECT lower_user_id FROM conversations WHERE lower_user_id IN (?) AND higher_user_id = ?`,
        [userId, ids, ids, userId],
      ],
    })
  }
}

export interface PairRow extends Participants {
  conversationId: number
}

/**
 * Reads the conversations of these pairs. The index is named, or MariaDB weighs for each pair
 * whether to merge two others.
 */
export function selectPairs(pairs: Participants[]): Query {
  return [
    `SELECT conversation_id AS conversationId, lower_user_id AS lowerUserId,
      higher_user_id AS higherUserId
    FROM conversations FORCE INDEX (conversations_of_pair)
    WHERE (lower_user_id, higher_user_id) IN (?)`,
    [pairs.map(({ lowerUserId, higherUserId }) => [lowerUserId, higherUserId])],
  ]
}

/** Each side of the UNION comes ordered from its own index, and ends with the page. */
const LIST = `
  SELECT mine.conversation_id AS conversationId,
    mine.unread_count AS unreadCount,
    other.user_id AS otherUserId,
    other.username AS username,
    other.name AS name,
    other.profile_url AS profileUrl,
    ${isOnline('other.user_id')} AND NOT ${blockBetween(':userId', 'other.user_id')} AS isOnline,
    messages.message_id AS messageId,
    messages.sender_id AS senderId,
    messages.message AS message,
    messages.message_type AS messageType,
    messages.created_at AS createdAt
  FROM (
    (
      SELECT conversation_id, higher_user_id AS other_user_id, lower_unread_count AS unread_count,
        last_message_id
      FROM conversations
      WHERE lower_user_id = :userId
      ORDER BY last_message_id DESC
      LIMIT :end
    ) UNION ALL (
      SELECT conversation_id, lower_user_id, higher_unread_count, last_message_id
      FROM conversations
      WHERE higher_user_id = :userId
      ORDER BY last_message_id DESC
      LIMIT :end
    )
    ORDER BY last_message_id DESC
    LIMIT :limit OFFSET :offset
  ) AS mine
  JOIN users AS other ON other.user_id = mine.other_user_id
  JOIN messages ON messages.message_id = mine.last_message_id
  ORDER BY mine.last_message_id DESC
`
