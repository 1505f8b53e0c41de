import type { Clock } from '../chat/clock.ts'
import type { BlockState, Candidates, User } from '../chat/model.ts'
import { assertBlockListHasRoom, assertDifferent, noSuchUser } from '../chat/rules.ts'
import type { Blocks } from '../chat/store.ts'
import { limits } from '../limits/limits.ts'
import { among } from './candidates.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'
import { shardsOf } from './shards.ts'
import { KnownUsers, selectUsers } from './users.ts'

interface BlockRow {
  userId: number
  blockedUserId: number
}

/**
 * SQL that is true while a block, of either's making, stands between two users.
 *
 * @param condition beginning with AND, on the row of user_blocks
 */
export function blockBetween(userId: string, otherUserId: string, condition = ''): string {
  return `(
    EXISTS (
      SELECT 1 FROM user_blocks
      WHERE user_id = ${userId} AND blocked_user_id = ${otherUserId} ${condition}
    ) OR EXISTS (
      SELECT 1 FROM user_blocks
      WHERE user_id = ${otherUserId} AND blocked_user_id = ${userId} ${condition}
    )
  )`
}

export class MysqlBlocks implements Blocks {
  readonly #database: MysqlDatabase
  readonly #clock: Clock

  constructor(database: MysqlDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  async block(userId: number, otherUserId: number, isAuthenticated: boolean): Promise<void> {
    assertDifferent(userId, otherUserId)
    const pair = [userId, otherUserId]
    const { max } = limits.blockList
    const reads: Query[] = [
      selectUsers(pair),
      selectBlocks([[userId, otherUserId]]),
      [
        `SELECT COUNT(*) AS count FROM
          (SELECT 1 FROM user_blocks WHERE user_id = ? LIMIT ${max}) AS blocks`,
        [userId],
      ],
    ]
    await this.#database.change(
      { shards: shardsOf(pair), reads, isIdempotent: true },
      async (transaction, rows: User[], blocks: BlockRow[], counts: { count: number }[]) => {
        const users = new KnownUsers(rows)
        if (!users.has(otherUserId)) throw noSuchUser()
        if (!isAuthenticated && !users.has(userId)) throw noSuchUser()
        if (new BlocksBetween(blocks).state(userId, otherUserId).isBlocked) return
        assertBlockListHasRoom(counts[0]?.count ?? 0)
        users.ensure(userId)
        await users.write(transaction)
        transaction.writeLast(
          'INSERT INTO user_blocks (user_id, blocked_user_id, created_at) VALUES (?)',
          [[userId, otherUserId, this.#clock.stored()]],
        )
      },
    )
  }

  async unblock(userId: number, otherUserId: number): Promise<void> {
    assertDifferent(userId, otherUserId)
    const shards = shardsOf([userId, otherUserId])
    await this.#database.change({ shards, isIdempotent: true }, async (transaction) => {
      transaction.writeLast('DELETE FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?', [
        userId,
        otherUserId,
      ])
    })
  }

  async find(userId: number, otherUserId: number): Promise<BlockState> {
    const rows = await this.#database.read<BlockRow>(...selectBlocks([[userId, otherUserId]]))
    return new BlocksBetween(rows).state(userId, otherUserId)
  }

  async hiddenFrom(userId: number, candidates: Candidates): Promise<Set<number>> {
    const found = await among(this.#database, userId, candidates, {
      others: [
        'SELECT blocked_user_id AS userId FROM user_blocks WHERE user_id = ?',
        'SELECT user_id FROM user_blocks WHERE blocked_user_id = ?',
      ],
      among: (ids) => [
        `SELECT blocked_user_id AS userId FROM user_blocks
        WHERE user_id = ? AND blocked_user_id IN (?)
        UNION ALL
        SELECT user_id FROM user_blocks WHERE user_id IN (?) AND blocked_user_id = ?`,
        [userId, ids, ids, userId],
      ],
    })
    return new Set(found)
  }
}

/** Reads the blocks between the users of each of these pairs, of either's making. */
export function selectBlocks(pairs: (readonly [number, number])[]): Query {
  return [
    `SELECT user_id AS userId, blocked_user_id AS blockedUserId
    FROM user_blocks FORCE INDEX (PRIMARY)
    WHERE (user_id, blocked_user_id) IN (?)`,
    [
      pairs.flatMap(([userId, otherId]) => [
        [userId, otherId],
        [otherId, userId],
      ]),
    ],
  ]
}

/** The blocks among the users of a transaction. */
export class BlocksBetween {
  readonly #pairs: Set<string>

  /** @param rows of `selectBlocks` */
  constructor(rows: BlockRow[]) {
    this.#pairs = new Set(rows.map(({ userId, blockedUserId }) => `${userId} ${blockedUserId}`))
  }

  state(userId: number, otherUserId: number): BlockState {
    return {
      isBlocked: this.#pairs.has(`${userId} ${otherUserId}`),
      isBlockedByOther: this.#pairs.has(`${otherUserId} ${userId}`),
    }
  }
}
