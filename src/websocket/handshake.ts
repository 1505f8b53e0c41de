import type { IncomingMessage } from 'node:http'
import type { Profile } from '../chat/users.ts'
import type { Close } from './connection.ts'

/** What a client says when it connects. */
export interface Handshake {
  userId: number
  /** The parts of the profile that it gave. */
  profile: Partial<Profile>
  /** The last message that it has, if it wants what it missed since. */
  lastMessageId: number | undefined
}

const BAD_PARAMETERS = 4400
const REFUSED = 4403

/**
 * Reads `?user_id=…&username=…&name=…&profile_url=…&last_message_id=…`; the close to refuse it with if there is no
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
  const userId = integer(query.get('user_id'))
  if (userId === undefined || userId === 0) {
    return { code: BAD_PARAMETERS, reason: 'user_id must be a positive integer: ws://…/?user_id=1' }
  }
  const last = said(query.get('last_message_id'))
  const lastMessageId = last === undefined ? undefined : integer(last)
  if (last !== undefined && lastMessageId === undefined) {
    return { code: BAD_PARAMETERS, reason: 'last_message_id must be the id of a message, or 0' }
  }
  return { userId, profile: readProfile(query), lastMessageId }
}

function integer(text: string | null): number | undefined {
  return /^\d{1,16}$/.test(text ?? '') && Number.isSafeInteger(Number(text))
    ? Number(text)
    : undefined
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
