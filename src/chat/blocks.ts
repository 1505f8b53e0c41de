import { ChatError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Database, Statement } from '../sqlite/database.ts'
import { amongCandidates, type Candidates } from './candidates.ts'
import type { Clock } from './clock.ts'
import type { Users } from './users.ts'

/** Who blocked whom, of two people. */
export interface BlockState {
  /** The first has blocked the second. */
  isBlocked: boolean
  /** The second has blocked the first. */
  isBlockedByOther: boolean
}

/** Who does not want to hear from whom. A block hides both from each other. */
export class Blocks {
  readonly #database: Database
  readonly #users: Users
  readonly #clock: Clock
  readonly #select: Statement<[number, number], 1>
  readonly #count: Statement<[userId: number, limit: number], number>
  readonly #selectOthers: Statement<{ userId: number; limit: number }, number>
  readonly #selectAmong: Statement<{ userId: number; ids: string }, number>
  readonly #insert: Statement<[number, number, string]>
  readonly #delete: Statement<[number, number]>

  constructor(database: Database, users: Users, clock: Clock) {
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

  /**
   * Blocks another user; doing so twice is the same as once.
   *
   * @param isAuthenticated whether `userId` has proved who they are: then they exist, row or not
   * @throws ChatError `invalid` for blocking oneself, or one more than `limits.blockList`;
   *   `not_found` when either was never heard of
   */
  async block(userId: number, otherUserId: number, isAuthenticated: boolean): Promise<void> {
    assertDifferent(userId, otherUserId)
    await this.#database.write(() => {
      if (!this.#users.exists(otherUserId)) throw noSuchUser()
      if (isAuthenticated) this.#users.add(userId)
      else if (!this.#users.exists(userId)) throw noSuchUser()
      if (this.#select.get(userId, otherUserId) === 1) return
      this.#assertListHasRoom(userId)
      this.#insert.run(userId, otherUserId, this.#clock.stored())
    })
  }

  /**
   * Takes a block back; where there is none, nothing changes.
   *
   * @throws ChatError `invalid` for unblocking oneself
   */
  async unblock(userId: number, otherUserId: number): Promise<void> {
    assertDifferent(userId, otherUserId)
    await this.#database.write(() => this.#delete.run(userId, otherUserId))
  }

  async find(userId: number, otherUserId: number): Promise<BlockState> {
    return this.state(userId, otherUserId)
  }

  /** Those of `candidates` with whom a block, of either's making, stands between them and the user. */
  async hiddenFrom(userId: number, candidates: Candidates): Promise<Set<number>> {
    return new Set(amongCandidates(userId, candidates, this.#selectOthers, this.#selectAmong))
  }

  #assertListHasRoom(userId: number): void {
    const { max } = limits.blockList
    if ((this.#count.get(userId, max) ?? 0) < max) return
    throw new ChatError('invalid', `You have blocked ${max} users: unblock some first`)
  }

  /**
   * For use inside `database.write`.
   *
   * @throws ChatError `forbidden` when either has blocked the other
   */
  refuseBetween(senderId: number, receiverId: number): void {
    const { isBlocked, isBlockedByOther } = this.state(senderId, receiverId)
    if (isBlockedByOther) {
      throw new ChatError('forbidden', 'This user has blocked you: your message was not sent')
    }
    if (isBlocked) {
      throw new ChatError('forbidden', 'You have blocked this user: unblock them to send a message')
    }
  }

  /** For use inside `database.write`; elsewhere `find`. */
  state(userId: number, otherUserId: number): BlockState {
    return {
      isBlocked: this.#select.get(userId, otherUserId) === 1,
      isBlockedByOther: this.#select.get(otherUserId, userId) === 1,
    }
  }
}

function assertDifferent(userId: number, otherUserId: number): void {
  if (userId !== otherUserId) return
  throw new ChatError('invalid', 'user_id and blocked_user_id must be two different users')
}

function noSuchUser(): ChatError {
  return new ChatError('not_found', 'There is no such user')
}
