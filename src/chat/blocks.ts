import type { Database, Statement } from '../database.ts'
import { ChatError } from '../errors.ts'
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
  readonly #select: Statement<[number, number], 1>
  readonly #selectHidden: Statement<{ userIds: string }, { userId: number; otherUserId: number }>
  readonly #insert: Statement<[number, number]>
  readonly #delete: Statement<[number, number]>

  constructor(database: Database, users: Users) {
    this.#database = database
    this.#users = users
    this.#select = database
      .prepare<[number, number], 1>(`
        SELECT 1 FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?
      `)
      .pluck()
    this.#selectHidden = database.prepare(`
      SELECT user_id AS userId, blocked_user_id AS otherUserId
      FROM user_blocks
      WHERE user_id IN (SELECT value FROM json_each(@userIds))
      UNION
      SELECT blocked_user_id, user_id
      FROM user_blocks
      WHERE blocked_user_id IN (SELECT value FROM json_each(@userIds))
    `)
    this.#insert = database.prepare(`
      INSERT INTO user_blocks (user_id, blocked_user_id) VALUES (?, ?)
      ON CONFLICT DO NOTHING
    `)
    this.#delete = database.prepare(`
      DELETE FROM user_blocks WHERE user_id = ? AND blocked_user_id = ?
    `)
  }

  /**
   * Blocks or unblocks another user; doing so twice is the same as once.
   *
   * @throws ChatError `invalid` for blocking oneself
   */
  async set(userId: number, otherUserId: number, isBlocked: boolean): Promise<void> {
    if (userId === otherUserId) {
      throw new ChatError('invalid', 'user_id and blocked_user_id must be two different users')
    }
    await this.#database.write(() => {
      this.#users.add(userId)
      this.#users.add(otherUserId)
      if (isBlocked) this.#insert.run(userId, otherUserId)
      else this.#delete.run(userId, otherUserId)
    })
  }

  async find(userId: number, otherUserId: number): Promise<BlockState> {
    return this.state(userId, otherUserId)
  }

  /** For each of these users, those with whom a block, of either's making, stands between them. */
  async hiddenFrom(userIds: Iterable<number>): Promise<Map<number, Set<number>>> {
    const hidden = new Map<number, Set<number>>()
    const rows = this.#selectHidden.all({ userIds: JSON.stringify([...userIds]) })
    for (const { userId, otherUserId } of rows) {
      const others = hidden.get(userId)
      if (others === undefined) hidden.set(userId, new Set([otherUserId]))
      else others.add(otherUserId)
    }
    return hidden
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
