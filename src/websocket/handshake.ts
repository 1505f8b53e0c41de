import type { IncomingMessage } from 'node:http'
import type { Caller } from '../auth/caller.ts'
import { integerFrom } from '../chat/integers.ts'
import type { Profile } from '../chat/model.ts'
import { profileFrom } from '../chat/wire.ts'
import { ChatError } from '../errors.ts'
import { queryOf } from '../urls.ts'

/** What a client says when it connects. */
export interface Handshake {
  userId: number
  /** The parts of the profile that it gave. */
  profile: Partial<Profile>
  /** The last message that it has, if it wants what it missed since. */
  lastMessageId: number | undefined
}

/**
 * Reads `?user_id=…&username=…&name=…&profile_url=…&last_message_id=…`. A caller who has proved who
 * they are need not say it again, and what the proof tells of them goes before what they say.
 *
 * @throws ChatError `invalid` when there is no usable user_id, `forbidden` when it is another's
 */
export function readHandshake(request: IncomingMessage, caller: Caller): Handshake {
  const query = new URLSearchParams(queryOf(request))
  const given = said(query.get('user_id'))
  const userId = given === undefined ? caller.identity?.userId : integerFrom(given)
  if (userId === undefined || userId === 0) {
    throw new ChatError('invalid', 'user_id must be a positive integer: ws://…/?user_id=1')
  }
  const last = said(query.get('last_message_id'))
  const lastMessageId = last === undefined ? undefined : integerFrom(last)
  if (last !== undefined && lastMessageId === undefined) {
    throw new ChatError('invalid', 'last_message_id must be the id of a message, or 0')
  }
  const profile = { ...readProfile(query), ...caller.identity?.profile }
  return { userId: caller.mustBe(userId), profile, lastMessageId }
}

function readProfile(query: URLSearchParams): Partial<Profile> {
  const names = ['username', 'name', 'profile_url']
  return profileFrom(Object.fromEntries(names.map((name) => [name, said(query.get(name))])))
}

/** Template strings in the field turn what an app does not know into these words. */
function said(value: string | null): string | undefined {
  return value === null || ['', 'null', 'undefined'].includes(value) ? undefined : value
}
