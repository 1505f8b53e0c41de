import type { IncomingMessage } from 'node:http'
import type { Caller } from '../auth/caller.ts'
import { integerFrom } from '../chat/integers.ts'
import type { Profile } from '../chat/model.ts'
import { profileFrom } from '../chat/wire.ts'
import { ChatError } from '../errors.ts'
import { queryOf } from '../urls.ts'

/** The parameters of a client that connects. */
export interface Handshake {
  userId: number
  /** The parts of the profile that are given. */
  profile: Partial<Profile>
  /** The last message that the client has, if it asks for recovery. */
  lastMessageId: number | undefined
}

/**
 * Parses `?user_id=…&username=…&name=…&profile_url=…&last_message_id=…`. An authenticated caller
 * may omit user_id, and the profile of their identity takes precedence over the one in the query.
 *
 * @throws ChatError `invalid` when there is no usable user_id, `forbidden` for another user's
 */
export function readHandshake(request: IncomingMessage, caller: Caller): Handshake {
  const query = new URLSearchParams(queryOf(request))
  const given = parse(query, 'user_id')
  const userId = given === undefined ? caller.identity?.userId : integerFrom(given)
  if (userId === undefined || userId === 0) {
    throw new ChatError('invalid', 'user_id must be a positive integer: ws://…/?user_id=1')
  }
  const last = parse(query, 'last_message_id')
  const lastMessageId = last === undefined ? undefined : integerFrom(last)
  if (last !== undefined && lastMessageId === undefined) {
    throw new ChatError('invalid', 'last_message_id must be the id of a message, or 0')
  }
  const profile = { ...readProfile(query), ...caller.identity?.profile }
  return { userId: caller.assertActsAs(userId), profile, lastMessageId }
}

function readProfile(query: URLSearchParams): Partial<Profile> {
  const names = ['username', 'name', 'profile_url']
  return profileFrom(Object.fromEntries(names.map((name) => [name, parse(query, name)])))
}

/** Template strings of clients in the field turn a value that is missing into these words. */
function parse(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name)
  return value === null || ['', 'null', 'undefined'].includes(value) ? undefined : value
}
