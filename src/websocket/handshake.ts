import type { IncomingMessage } from 'node:http'
import type { Profile } from '../chat/users.ts'
import type { Close } from './connection.ts'

/** What a client says when it connects. */
export interface Handshake {
  userId: number
  /** The parts of the profile that it gave. */
  profile: Partial<Profile>
}

const BAD_PARAMETERS = 4400
const REFUSED = 4403

/**
 * Reads `?user_id=…&username=…&name=…&profile_url=…`; the close to refuse it with if there is no
 * usable user_id, or a page of another origin asks.
 */
export function readHandshake(
  request: IncomingMessage,
  allowedOrigins: string[],
): Handshake | Close {
  if (!isAllowedOrigin(request.headers.origin, allowedOrigins)) {
    return { code: REFUSED, reason: 'Pages of this origin may not connect' }
  }
  const query = queryOf(request.url ?? '')
  const userId = query.get('user_id') ?? ''
  if (!/^\d{1,16}$/.test(userId) || !Number.isSafeInteger(Number(userId)) || Number(userId) < 1) {
    return { code: BAD_PARAMETERS, reason: 'user_id must be a positive integer: ws://…/?user_id=1' }
  }
  return { userId: Number(userId), profile: readProfile(query) }
}

/** Programs other than browsers send no Origin, and are not what it protects from. */
function isAllowedOrigin(origin: string | undefined, allowedOrigins: string[]): boolean {
  return origin === undefined || allowedOrigins.includes('*') || allowedOrigins.includes(origin)
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}

function readProfile(query: URLSearchParams): Partial<Profile> {
  const profile: Partial<Profile> = {}
  const username = said(query.get('username'))
  const name = said(query.get('name'))
  const profileUrl = said(query.get('profile_url'))
  if (username !== undefined) profile.username = username
  if (name !== undefined) profile.name = name
  if (profileUrl !== undefined) profile.profileUrl = profileUrl
  return profile
}

/** Template strings in the field turn what an app does not know into these words. */
function said(value: string | null): string | undefined {
  return value === null || ['', 'null', 'undefined'].includes(value) ? undefined : value
}
