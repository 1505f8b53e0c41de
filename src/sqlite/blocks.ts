import type { Clock } from '../chat/clock.ts'
import type { BlockState, Candidates } from '../chat/model.ts'
import { assertBlockListHasRoom, assertDifferent, noSuchUser } from '../chat/rules.ts'
import type { Blocks } from '../chat/store.ts'
import { limits } from '../limits/limits.ts'
import { prepareAmong } from './candidates.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteUsers } from './users.ts'

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

export class SqliteBlocks implements Blocks {
  readonly #database: Database
  readonly #users: SqliteUsers
  readonly #clock: Clock
  readonly #select: Statement<[number, number], 1>
  readonly #count: Statement<[userId: number, limit: number], number>
  readonly #hiddenAmong: ReturnType<typeof prepareAmong>
  readonly #insert: Statement<[number, number, string]>
  readonly #delete: Statement<[number, number]>

  constructor(database: Database, users: SqliteUsers, clock: Clock) {
    this.#database = database
    this.#users = users
    this.#clock = clock
    this.#select = database.prepareValue(`
      SELECT 1 FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?
    `)
    this.#count = database.prepareValue(`
      SELECT count(*) FROM (SELECT 1 FROM user_blocks WHERE user_id = ? LIMIT +?)
    `)
    this.#hiddenAmong = prepareAmong(database, {
      others: `
        SELECT blocked_user_id FROM user_blocks WHERE user_id = @userId
        UNION ALL
        SELECT user_id FROM user_blocks WHERE blocked_user_id = @userId
      `,
      among: `
        SELECT value
        FROM json_each(@ids)
        WHERE ${blockBetween('@userId', 'value')}
      `,
    })
    this.#insert = database.prepare(`
      INSERT INTO user_blocks (user_id, blocked_user_id, created_at) VALUES (?, ?, ?)
    `)
    this.#delete = database.prepare(`
      DELETE FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?
    `)
  }

  async block(userId: number, otherUserId: number, isAuthenticated: boolean): Promise<void> {
    assertDifferent(userId, otherUserId)
    await this.#database.write(() => {
      if (!this.#users.exists(otherUserId)) throw noSuchUser()
      if (isAuthenticated) this.#users.add(userId)
      else if (!this.#users.exists(userId)) throw noSuchUser()
      if (this.#select.get(userId, otherUserId) === 1) return
      assertBlockListHasRoom(this.#count.get(userId, limits.blockList.max) ?? 0)
      this.#insert.run(userId, otherUserId, this.#clock.stored())
    })
  }

  async unblock(userId: number, otherUserId: number): Promise<void> {
    assertDifferent(userId, otherUserId)
    await this.#database.write(() => this.#delete.run(userId, otherUserId))
  }

  async find(userId: number, otherUserId: number): Promise<BlockState> {
    return this.state(userId, otherUserId)
  }

  async hiddenFrom(userId: number, candidates: Candidates): Promise<Set<number>> {
    return new Set(this.#hiddenAmong(userId, candidates))
  }

  state(userId: number, otherUserId: number): BlockState {
    return {
      isBlocked: this.#select.get(userId, otherUserId) === 1,
      isBlockedByOther: this.#select.get(otherUserId, userId) === 1,
    }
  }
}
