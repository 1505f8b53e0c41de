import {
  type Comparison,
  type ConversationChange,
  conversationChanges,
  type ImportedMessage,
} from '../chat/imports.ts'
import type { Participants } from '../chat/model.ts'
import { pairKey } from './batch-reads.ts'
import type { PairRow } from './conversations.ts'
import type { Query } from './session.ts'
import { caseOf, type Transaction } from './transaction.ts'

/** The messages of one transaction, which holds the locks of their conversations. */
export class ImportedBatch {
  readonly #transaction: Transaction
  readonly #conversations = new Map<string, ConversationRow>()

  constructor(transaction: Transaction, rows: ConversationRow[]) {
    this.#transaction = transaction
    this.#learn(rows)
  }

  async write(comparison: Comparison): Promise<void> {
    const changes = conversationChanges(comparison)
    const isThere = (change: ConversationChange) => this.#conversations.has(keyOf(change))
    this.#updateConversations(changes.filter(isThere))
    await this.#addConversations(changes.filter((change) => !isThere(change)))
    const rows = changes.flatMap((change) =>
      change.added.map((message) => toRow(message, this.#conversationOf(change).conversationId)),
    )
    if (rows.length > 0) this.#transaction.writeLast(INSERT_MESSAGES, [rows])
    this.#markRead(comparison.read)
  }

  #updateConversations(changes: ConversationChange[]): void {
    if (changes.length === 0) return
    const rows = changes.map((change) => {
      const row = this.#conversationOf(change)
      return [
        row.conversationId,
        row.lowerUserId,
        row.higherUserId,
        Math.max(row.lastMessageId, change.lastMessageId),
        row.lowerUnread + change.lowerUnread,
        row.higherUnread + change.higherUnread,
      ]
    })
    this.#transaction.writeLast(UPDATE_CONVERSATIONS, [rows])
  }

  async #addConversations(changes: ConversationChange[]): Promise<void> {
    if (changes.length === 0) return
    const rows = changes.map((change) => [
      change.lowerUserId,
      change.higherUserId,
      change.lastMessageId,
      change.lowerUnread,
      change.higherUnread,
    ])
    const [, added] = await this.#transaction.runAll<[unknown, ConversationRow[]]>([
      [INSERT_CONVERSATIONS, [rows]],
      selectConversations(changes),
    ])
    this.#learn(added)
  }

  #markRead(read: ImportedMessage[]): void {
    if (read.length === 0) return
    const times = read.flatMap(({ messageId, readAt }) => [messageId, readAt])
    const ids = read.map(({ messageId }) => messageId)
    this.#transaction.writeLast(
      `UPDATE messages SET read_at = ${caseOf('message_id', read.length)} WHERE message_id IN (?)`,
      [...times, ids],
    )
  }

  #learn(rows: ConversationRow[]): void {
    for (const row of rows) this.#conversations.set(keyOf(row), row)
  }

  #conversationOf(change: ConversationChange): ConversationRow {
    return this.#conversations.get(keyOf(change)) as ConversationRow
  }
}

export interface ConversationRow extends PairRow {
  lastMessageId: number
  lowerUnread: number
  higherUnread: number
}

function keyOf({ lowerUserId, higherUserId }: Participants): string {
  return pairKey(lowerUserId, higherUserId)
}

function toRow(message: ImportedMessage, conversationId: number): unknown[] {
  return [
    message.messageId,
    conversationId,
    message.senderId,
    message.receiverId,
    message.messageType,
    message.message,
    message.mediaPath,
    message.mediaDuration,
    message.fileSize,
    message.readAt,
    message.createdAt,
  ]
}

/** As selectPairs, with what a batch changes. */
export function selectConversations(pairs: Participants[]): Query {
  return [
    `SELECT conversation_id AS conversationId, lower_user_id AS lowerUserId,
      higher_user_id AS higherUserId, last_message_id AS lastMessageId,
      lower_unread_count AS lowerUnread, higher_unread_count AS higherUnread
    FROM conversations FORCE INDEX (conversations_of_pair)
    WHERE (lower_user_id, higher_user_id) IN (?)`,
    [pairs.map(({ lowerUserId, higherUserId }) => [lowerUserId, higherUserId])],
  ]
}

const INSERT_MESSAGES = `
  INSERT INTO messages (message_id, conversation_id, sender_id, receiver_id, message_type, message,
    media_path, media_duration, file_size, read_at, created_at)
  VALUES ?
`

const INSERT_CONVERSATIONS = `
  INSERT INTO conversations (lower_user_id, higher_user_id, last_message_id, lower_unread_count,
    higher_unread_count)
  VALUES ?
`

/** All of them are there: a CASE over so many would be slower by far. */
const UPDATE_CONVERSATIONS = `
  INSERT INTO conversations (conversation_id, lower_user_id, higher_user_id, last_message_id,
    lower_unread_count, higher_unread_count)
  VALUES ?
  ON DUPLICATE KEY UPDATE
    last_message_id = VALUES(last_message_id),
    lower_unread_count = VALUES(lower_unread_count),
    higher_unread_count = VALUES(higher_unread_count)
`
