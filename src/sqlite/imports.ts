import type { Clock } from '../chat/clock.ts'
import {
  type Comparison,
  compare,
  conversationChanges,
  type ImportedBlock,
  type ImportedCounts,
  type ImportedMessage,
  type ImportedUser,
  type Imports,
  type StoredMessage,
} from '../chat/imports.ts'
import type { SqliteConversations } from './conversations.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteUsers } from './users.ts'

interface ImportsParts {
  database: Database
  users: SqliteUsers
  conversations: SqliteConversations
  clock: Clock
}

export class SqliteImports implements Imports {
  readonly batchRows = 5_000
  readonly #parts: ImportsParts
  readonly #select: Statement<[messageId: number, mediaPath: string | null], StoredMessage>
  readonly #selectIdBetween: Statement<[afterId: number, throughId: number], number>
  readonly #raiseSequence: Statement<[throughId: number]>
  readonly #insertSequence: Statement<[throughId: number]>
  readonly #insertMessage: Statement<(string | number | null)[]>
  readonly #updateRead: Statement<[readAt: string | null, messageId: number]>
  readonly #insertBlock: Statement<[number, number, string]>

  constructor(parts: ImportsParts) {
    this.#parts = parts
    const { database } = parts
    this.#select = database.prepare(`
      SELECT message_id AS messageId, sender_id AS senderId, receiver_id AS receiverId,
        message_type AS messageType, message, media_path AS mediaPath, read_at AS readAt,
        created_at AS createdAt
      FROM messages
      WHERE message_id = ? OR media_path = ?
    `)
    this.#selectIdBetween = database.prepareValue(`
      SELECT message_id FROM messages
      WHERE message_id > ? AND message_id <= ?
      ORDER BY message_id
      LIMIT 1
    `)
    this.#raiseSequence = database.prepare(`
      UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'messages'
    `)
    this.#insertSequence = database.prepare(`
      INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', ?)
    `)
    this.#insertMessage = database.prepare(`
      INSERT INTO messages (message_id, conversation_id, sender_id, receiver_id, message_type,
        message, media_path, media_duration, file_size, read_at, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    `)
    this.#updateRead = database.prepare('UPDATE messages SET read_at = ? WHERE message_id = ?')
    this.#insertBlock = database.prepare(`
      INSERT INTO user_blocks (user_id, blocked_user_id, created_at) VALUES (?, ?, ?)
      ON CONFLICT DO NOTHING
    `)
  }

  addUsers(users: ImportedUser[]): Promise<number> {
    const { users: stored } = this.#parts
    return this.#parts.database.write(
      () => users.filter(({ userId, profile }) => stored.complete(userId, profile)).length,
    )
  }

  async find(messages: ImportedMessage[]): Promise<StoredMessage[]> {
    return this.#stored(messages)
  }

  async firstIdBetween(afterId: number, throughId: number): Promise<number | undefined> {
    return this.#selectIdBetween.get(afterId, throughId)
  }

  async reserveIds(throughId: number): Promise<void> {
    await this.#parts.database.write(() => {
      // The row is there from the first message on.
      if (this.#raiseSequence.run(throughId).changes === 0) this.#insertSequence.run(throughId)
    })
  }

  addMessages(messages: ImportedMessage[]): Promise<ImportedCounts> {
    return this.#parts.database.write(() => {
      const comparison = compare(messages, this.#stored(messages))
      this.#write(comparison)
      return { added: comparison.added.length, read: comparison.read.length }
    })
  }

  addBlocks(blocks: ImportedBlock[]): Promise<number> {
    const { database, users, clock } = this.#parts
    return database.write(() => {
      let added = 0
      for (const { userId, blockedUserId, createdAt } of blocks) {
        users.add(userId)
        users.add(blockedUserId)
        const time = createdAt ?? clock.stored()
        added += this.#insertBlock.run(userId, blockedUserId, time).changes
      }
      return added
    })
  }

  #stored(messages: ImportedMessage[]): StoredMessage[] {
    return messages.flatMap(({ messageId, mediaPath }) => this.#select.all(messageId, mediaPath))
  }

  #write(comparison: Comparison): void {
    const { users, conversations } = this.#parts
    for (const { added, ...change } of conversationChanges(comparison)) {
      users.add(change.lowerUserId)
      users.add(change.higherUserId)
      const conversationId = conversations.ensure(change.lowerUserId, change.higherUserId)
      for (const message of added) this.#insert(message, conversationId)
      conversations.recordImport({ ...change, conversationId })
    }
    for (const { readAt, messageId } of comparison.read) this.#updateRead.run(readAt, messageId)
  }

  #insert(message: ImportedMessage, conversationId: number): void {
    this.#insertMessage.run(
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
    )
  }
}
