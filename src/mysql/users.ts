import type { Profile, User } from '../chat/model.ts'
import { anonymous, completed, isSameProfile, presentable } from '../chat/rules.ts'
import type { Users } from '../chat/store.ts'
import type { MysqlDatabase } from './database.ts'
import type { Query } from './session.ts'
import type { Transaction } from './transaction.ts'

const SELECT_USER = `
  SELECT user_id AS userId, username, name, profile_url AS profileUrl FROM users
`

export class MysqlUsers implements Users {
  readonly #database: MysqlDatabase

  constructor(database: MysqlDatabase) {
    this.#database = database
  }

  async find(userId: number): Promise<User | undefined> {
    const [user] = await this.#database.read<User>(`${SELECT_USER} WHERE user_id = ?`, [userId])
    return user
  }

  async lastSeenAt(userId: number): Promise<string | undefined> {
    const sql = 'SELECT last_seen_at FROM users WHERE user_id = ?'
    return (await this.#database.readValue<string | null>(sql, [userId])) ?? undefined
  }
}

/** Reads the rows of some users. */
export function selectUsers(userIds: Iterable<number>): Query {
  return [`${SELECT_USER} WHERE user_id IN (?)`, [[...new Set(userIds)]]]
}

/** The users whom a transaction works with: as they are stored, and as they will be. */
export class KnownUsers {
  readonly #stored: Map<number, User>
  readonly #changed = new Map<number, User>()

  /** @param rows of `selectUsers` */
  constructor(rows: User[]) {
    this.#stored = new Map(rows.map((user) => [user.userId, user]))
  }

  has(userId: number): boolean {
    return this.#stored.has(userId) || this.#changed.has(userId)
  }

  /** Returns the user; makes a row when it is missing. */
  ensure(userId: number): User {
    const user = this.#changed.get(userId) ?? this.#stored.get(userId)
    if (user !== undefined) return user
    const added = anonymous(userId)
    this.#changed.set(userId, added)
    return added
  }

  /** Keeps what is new in the profile. */
  save(userId: number, profile: Partial<Profile>): void {
    const user = this.ensure(userId)
    const changed = { ...user, ...presentable(profile) }
    if (!isSameProfile(user, changed)) this.#changed.set(userId, changed)
  }

  /** Keeps what is not known yet; returns whether that is anything. */
  complete(userId: number, profile: Partial<Profile>): boolean {
    const isNew = !this.has(userId)
    const user = this.ensure(userId)
    const changed = completed(user, profile)
    if (isSameProfile(user, changed)) return isNew
    this.#changed.set(userId, changed)
    return true
  }

  /** Writes the new and the changed rows. */
  async write(transaction: Transaction): Promise<void> {
    if (this.#changed.size === 0) return
    const rows = [...this.#changed.values()]
    await transaction.write(
      `INSERT INTO users (user_id, username, name, profile_url) VALUES ?
      ON DUPLICATE KEY UPDATE ${['username', 'name', 'profile_url'].map(unlessUnknown).join(', ')}`,
      [rows.map(({ userId, username, name, profileUrl }) => [userId, username, name, profileUrl])],
    )
  }
}

/** The shop may have inserted the user meanwhile: what it knows is not to be lost. */
function unlessUnknown(column: string): string {
  return `${column} = IF(VALUES(${column}) = '', ${column}, VALUES(${column}))`
}
