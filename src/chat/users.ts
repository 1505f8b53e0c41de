import { limits } from '../limits.ts'
import type { Database, Statement } from '../sqlite/database.ts'

/** What is known of a person; '' stands for what is not. */
export interface Profile {
  username: string
  name: string
  /** An http(s) URL, or a path below CHAT_PUBLIC_URL: what clients say, below its /uploads/. */
  profileUrl: string
}

export interface User extends Profile {
  userId: number
}

/** Who is who: a row for everybody who ever connected, wrote or was written to. */
export class Users {
  readonly #database: Database
  readonly #selectUser: Statement<[number], User>
  readonly #selectLastSeen: Statement<[number], string | null>
  readonly #selectExists: Statement<[number], 1>
  readonly #insertUser: Statement<[number]>
  readonly #updateProfile: Statement<User>

  constructor(database: Database) {
    this.#database = database
    this.#selectUser = database.prepare(`
      SELECT user_id AS userId, username, name, profile_url AS profileUrl
      FROM users
      WHERE user_id = ?
    `)
    this.#selectLastSeen = database
      .prepare<[number], string | null>('SELECT last_seen_at FROM users WHERE user_id = ?')
      .pluck()
    this.#selectExists = database
      .prepare<[number], 1>('SELECT 1 FROM users WHERE user_id = ?')
      .pluck()
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

  /** When the user was last online, as stored; undefined when that never was. */
  async lastSeenAt(userId: number): Promise<string | undefined> {
    return this.#selectLastSeen.get(userId) ?? undefined
  }

  /**
   * Makes sure that the user has a row, and keeps what the client says of them (`known`: the parts
   * of the profile that it gave). Writes only when something is new: most connects change nothing.
   */
  async introduce(userId: number, known: Partial<Profile>): Promise<void> {
    const stored = this.#selectUser.get(userId)
    const user = { ...(stored ?? anonymous(userId)), ...presentable(known) }
    if (stored !== undefined && sameProfile(stored, user)) return
    await this.#database.write(() => this.#updateProfile.run(user))
  }

  /** For use inside `database.write`: the user's row, new or not. */
  ensure(userId: number): User {
    const user = this.#selectUser.get(userId)
    if (user !== undefined) return user
    this.#insertUser.run(userId)
    return anonymous(userId)
  }

  /** For use inside `database.write`: as `ensure`, where nothing is to be known of the user. */
  add(userId: number): void {
    if (!this.exists(userId)) this.#insertUser.run(userId)
  }

  /** For use inside `database.write`: whether they ever connected, wrote or were written to. */
  exists(userId: number): boolean {
    return this.#selectExists.get(userId) !== undefined
  }
}

/** The parts of a profile that another system tells, by their documented names. */
export function profileFrom(told: Record<string, unknown>): Partial<Profile> {
  const { username, name, profile_url: profileUrl } = told
  return {
    ...(typeof username === 'string' ? { username } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof profileUrl === 'string' ? { profileUrl } : {}),
  }
}

/** Somebody of whom nothing is known but the id. */
export function anonymous(userId: number): User {
  return { userId, username: '', name: '', profileUrl: '' }
}

/** Keeps of a profile what can be shown: clients in the field pass along whatever they have. */
function presentable(known: Partial<Profile>): Partial<Profile> {
  const username = presentableName(known.username)
  const name = presentableName(known.name)
  const profileUrl = pictureUrl(known.profileUrl ?? '')
  return {
    ...(username === '' ? {} : { username }),
    ...(name === '' ? {} : { name }),
    ...(profileUrl === undefined ? {} : { profileUrl }),
  }
}

/**
 * A name must not break out of its line, reorder what stands beside it or look like another's: control
 * characters, line separators, bidirectional and invisible formatting. The joiners U+200C and U+200D
 * stay: Persian, Indic scripts and emoji need them. Lone surrogates cannot be stored.
 */
const UNPRESENTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu

function presentableName(name = ''): string {
  return firstCharacters(name.replace(UNPRESENTABLE, '').trim(), limits.nameLength.max)
}

/**
 * An http(s) URL or a path below /uploads/, as a browser would resolve it; undefined for anything else.
 * Others' pages show it: `javascript:` and `data:` would run there, and any other path of this server
 * would be asked for in the name of whoever looks at it.
 */
function pictureUrl(given: string): string | undefined {
  if (given.length > limits.profileUrlLength.max) return undefined
  const url = URL.canParse(given) ? webUrl(given) : uploadsPath(given)
  return (url?.length ?? 0) > limits.profileUrlLength.max ? undefined : url
}

function webUrl(given: string): string | undefined {
  const { protocol, href } = new URL(given)
  return ['http:', 'https:'].includes(protocol) ? href : undefined
}

/** Where a path leads is seen from a server of this name, which does not exist. */
const ANY_SERVER = 'http://uploads.invalid'
/** A slash, backslash, percent sign or control character that only the server behind would see. */
const HIDDEN_SPELLING = /%(2f|5c|25|[01][0-9a-f]|7f)/i

function uploadsPath(given: string): string | undefined {
  if (!URL.canParse(given, ANY_SERVER)) return undefined
  const { origin, pathname, search } = new URL(given, ANY_SERVER)
  const isBelowUploads = origin === ANY_SERVER && /^\/uploads\/./.test(pathname)
  return isBelowUploads && !HIDDEN_SPELLING.test(pathname) ? pathname + search : undefined
}

function firstCharacters(text: string, count: number): string {
  return text.length <= count ? text : Array.from(text).slice(0, count).join('')
}

function sameProfile(a: Profile, b: Profile): boolean {
  return a.username === b.username && a.name === b.name && a.profileUrl === b.profileUrl
}
