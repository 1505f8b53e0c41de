import type { Clock } from '../chat/clock.ts'
import {
  compare,
  type ImportedBlock,
  type ImportedCounts,
  type ImportedMessage,
  type ImportedUser,
  type Imports,
  type StoredMessage,
} from '../chat/imports.ts'
import type { User } from '../chat/model.ts'
import { pairOf } from '../chat/rules.ts'
import { BlocksBetween, selectBlocks } from './blocks.ts'
import type { MysqlDatabase, TransactOptions } from './database.ts'
import { type ConversationRow, ImportedBatch, selectConversations } from './imported-batch.ts'
import type { Query } from './session.ts'
import { shardsOf } from './shards.ts'
import type { Transaction } from './transaction.ts'
import { KnownUsers, selectUsers } from './users.ts'

/** Each batch locks the shards of its users, so services may run beside it. */
export class MysqlImports implements Imports {
  readonly batchRows = 1_000
  readonly #database: MysqlDatabase
  readonly #clock: Clock

  constructor(database: MysqlDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  addUsers(users: ImportedUser[]): Promise<number> {
    const ids = users.map(({ userId }) => userId)
    const options = optionsFor(ids, [selectUsers(ids)])
    return this.#database.change(options, async (transaction, rows: User[]) => {
      const known = new KnownUsers(rows)
      const completed = users.filter(({ userId, profile }) => known.complete(userId, profile))
      await known.write(transaction)
      return completed.length
    })
  }

  find(messages: ImportedMessage[]): Promise<StoredMessage[]> {
    return this.#database.read<StoredMessage>(...selectStored(messages))
  }

  firstIdBetween(afterId: number, throughId: number): Promise<number | undefined> {
    return this.#database.readValue<number>(
      `SELECT message_id FROM messages WHERE message_id > ? AND message_id <= ?
      ORDER BY message_id LIMIT 1`,
      [afterId, throughId],
    )
  }

  /** A server would lower its counter as well; MySQL's information_schema tells an old one. */
  async reserveIds(throughId: number): Promise<void> {
    const [table] = await this.#database.read<object>('SHOW CREATE TABLE messages')
    const [, next] = /AUTO_INCREMENT=(\d+)/.exec(Object.values(table ?? {}).join()) ?? []
    if (Number(next ?? 1) > throughId) return
    await this.#database.write(`ALTER TABLE messages AUTO_INCREMENT = ${throughId + 1}`)
  }

  addMessages(messages: ImportedMessage[]): Promise<ImportedCounts> {
    const ids = usersOf(messages)
    const pairs = messages.map(({ senderId, receiverId }) => pairOf(senderId, receiverId))
    const reads = [selectStored(messages), selectUsers(ids), selectConversations(pairs)]
    return this.#database.change(
      optionsFor(ids, reads),
      async (transaction, stored: StoredMessage[], users: User[], rows: ConversationRow[]) => {
        const comparison = compare(messages, stored)
        await addUsers(transaction, new KnownUsers(users), usersOf(comparison.added))
        await new ImportedBatch(transaction, rows).write(comparison)
        return { added: comparison.added.length, read: comparison.read.length }
      },
    )
  }

  addBlocks(blocks: ImportedBlock[]): Promise<number> {
    const ids = blocks.flatMap(({ userId, blockedUserId }) => [userId, blockedUserId])
    const pairs = blocks.map(({ userId, blockedUserId }) => [userId, blockedUserId] as const)
    const options = optionsFor(ids, [selectUsers(ids), selectBlocks(pairs)])
    return this.#database.change(options, async (transaction, users: User[], rows: never[]) => {
      const between = new BlocksBetween(rows)
      const added = blocks.filter(
        ({ userId, blockedUserId }) => !between.state(userId, blockedUserId).isBlocked,
      )
      if (added.length === 0) return 0
      await addUsers(transaction, new KnownUsers(users), ids)
      const now = this.#clock.stored()
      const values = added.map((block) => [
        block.userId,
        block.blockedUserId,
        block.createdAt ?? now,
      ])
      transaction.writeLast(INSERT_BLOCKS, [values])
      return added.length
    })
  }
}

/** A batch may run again: what it finds then is there. */
function optionsFor(userIds: number[], reads: Query[]): TransactOptions {
  return { shards: shardsOf(userIds), reads, isIdempotent: true, isPatient: true }
}

function usersOf(messages: ImportedMessage[]): number[] {
  return messages.flatMap(({ senderId, receiverId }) => [senderId, receiverId])
}

async function addUsers(
  transaction: Transaction,
  users: KnownUsers,
  userIds: number[],
): Promise<void> {
  for (const userId of userIds) users.ensure(userId)
  await users.write(transaction)
}

/** Those with the id, or the file, of any of these. */
function selectStored(messages: ImportedMessage[]): Query {
  const ids = messages.map(({ messageId }) => messageId)
  const paths = messages.flatMap(({ mediaPath }) => mediaPath ?? [])
  if (paths.length === 0) return [`${SELECT_STORED} WHERE message_id IN (?)`, [ids]]
  return [
    `${SELECT_STORED} WHERE message_id IN (?) UNION ${SELECT_STORED} WHERE media_path IN (?)`,
    [ids, paths],
  ]
}

const SELECT_STORED = `
  SELECT message_id AS messageId, sender_id AS senderId, receiver_id AS receiverId,
    message_type AS messageType, message, CONVERT(media_path USING utf8mb4) AS mediaPath,
    read_at AS readAt, created_at AS createdAt
  FROM messages
`

const INSERT_BLOCKS = 'INSERT INTO user_blocks (user_id, blocked_user_id, created_at) VALUES ?'
