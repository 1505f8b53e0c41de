import type { Profile, User } from '../chat/model.ts'
import { anonymous, completed, isSameProfile, presentable } from '../chat/rules.ts'
import type { Users } from '../chat/store.ts'
import type { Database, Statement } from './database.ts'

export class SqliteUsers implements Users {
  readonly #selectUser: Statement<[number], User>
  readonly #selectLastSeen: Statement<[number], string | null>
  readonly #selectExists: Statement<[number], 1>
  readonly #insertUser: Statement<[number]>
  readonly #updateProfile: Statement<User>

  constructor(database: Database) {
    this.#selectUser = database.prepare(`
      SELECT user_id AS userId, username, name, profile_url AS profileUrl
      FROM users
      WHERE user_id = ?
    `)
    this.#selectLastSeen = database.prepareValue('SELECT last_seen_at FROM users WHERE user_id = ?')
    this.#selectExists = database.prepareValue('SELECT 1 FROM users WHERE user_id = ?')
    this.#insertUser = database.prepare(`
      INSERT INTO users (user_id) VALUES (?)
      ON CONFLICT DO NOTHING
    `)
    this.#updateProfile = database.prepare(`
      INSERT INTO users (user_id, username, name, profile_url)
      VALUES (@userId, @username, @name, @profileUrl)
      ON CONFLICT DO UPDATE SET
        username = excluded.username, name = excluded.name, profile_url = excluded.profile_url
    `)
  }

  async find(userId: number): Promise<User | undefined> {
    return this.#selectUser.get(userId)
  }

  async lastSeenAt(userId: number): Promise<string | undefined> {
    return this.#selectLastSeen.get(userId) ?? undefined
  }

  /** Keeps what is new in the profile, of a user who has a row or not. */
  save(userId: number, profile: Partial<Profile>): void {
    const stored = this.#selectUser.get(userId)
    const user = { ...(stored ?? anonymous(userId)), ...presentable(profile) }
    if (stored === undefined || !isSameProfile(stored, user)) this.#updateProfile.run(user)
  }

  /** Keeps what is not known yet; returns whether that is anything. */
  complete(userId: number, profile: Partial<Profile>): boolean {
    const stored = this.#selectUser.get(userId)
    const user = completed(stored ?? anonymous(userId), profile)
    if (stored !== undefined && isSameProfile(stored, user)) return false
    this.#updateProfile.run(user)
    return true
  }

  /** Returns the user; creates the row when it is missing. */
  ensure(userId: number): User {
    const user = this.#selectUser.get(userId)
    if (user !== undefined) return user
    this.#insertUser.run(userId)
    return anonymous(userId)
  }

  /** As `ensure`, for callers that do not need the user. */
  add(userId: number): void {
    if (!this.exists(userId)) this.#insertUser.run(userId)
  }

  /** Whether the user ever connected, sent or received a message. */
  exists(userId: number): boolean {
    return this.#selectExists.get(userId) !== undefined
  }
}
