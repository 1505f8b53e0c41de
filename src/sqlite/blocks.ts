import type { Clock } from '../chat/clock.ts'
import type { BlockState, Candidates } from '../chat/model.ts'
import { assertBlockListHasRoom, assertDifferent, noSuchUser } from '../chat/rules.ts'
import type { Blocks } from '../chat/store.ts'
import { limits } from '../limits/limits.ts'
import { amongCandidates } from './candidates.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteUsers } from './users.ts'

export class SqliteBlocks implements Blocks {
  readonly #database: Database
  readonly #users: SqliteUsers
  readonly #clock: Clock
  readonly #select: Statement<[number, number], 1>
  readonly #count: Statement<[userId: number, limit: number], number>
  readonly #selectOthers: Statement<{ userId: number; limit: number }, number>
  readonly #selectAmong: Statement<{ userId: number; ids: string }, number>
  readonly #insert: Statement<[number, number, string]>
  readonly #delete: Statement<[number, number]>

  constructor(database: Database, users: SqliteUsers, clock: Clock) {
    this.#database = database
    this.#users = users
    this.#clock = clock
    this.#select = database
      .prepare<[number, number], 1>(`
        SELECT 1 FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?
      `)
      .pluck()
    this.#count = database
      .prepare<[userId: number, limit: number], number>(`
        SELECT count(*) FROM (SELECT 1 FROM user_blocks WHERE user_id = ? LIMIT ?)
      `)
      .pluck()
    this.#selectOthers = database
      .prepare<{ userId: number; limit: number }, number>(`
        SELECT blocked_user_id FROM user_blocks WHERE user_id = @userId
        UNION ALL
        SELECT user_id FROM user_blocks WHERE blocked_user_id = @userId
        LIMIT @limit
      `)
      .pluck()
    this.#selectAmong = database
      .prepare<{ userId: number; ids: string }, number>(`
        SELECT value
        FROM json_each(@ids)
        WHERE EXISTS (
          SELECT 1 FROM user_blocks WHERE user_id = @userId AND blocked_user_id = value
        ) OR EXISTS (
          SELECT 1 FROM user_blocks WHERE user_id = value AND blocked_user_id = @userId
        )
      `)
      .pluck()
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
    return new Set(amongCandidates(userId, candidates, this.#selectOthers, this.#selectAmong))
  }

  state(userId: number, otherUserId: number): BlockState {
    return {
      isBlocked: this.#select.get(userId, otherUserId) === 1,
      isBlockedByOther: this.#select.get(otherUserId, userId) === 1,
    }
  }
}
