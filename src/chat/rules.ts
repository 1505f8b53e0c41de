import { ChatError } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import type { BlockState, Content, Draft, Message, Participants, Profile, User } from './model.ts'

/** Events that are valid only at the moment they happen: never delivered late. */
export const EPHEMERAL_EVENTS = ['chat:typing', 'chat:user_status']
/** An ephemeral event expires after this: a daemon that was down longer deletes it. */
export const EPHEMERAL_SECONDS = 60
/** For the daemon, never sent: closes the sockets of the user, or (userId null) all. */
export const DISCONNECT_EVENT = 'chat:disconnect'

/** The text of a message that was forgotten: clients that know nothing of it show it as it stands. */
export const FORGOTTEN_TEXT = '(deleted)'

/** Whether nothing of what the message said is left. */
export function isForgotten({ message, mediaPath }: Content): boolean {
  return message === FORGOTTEN_TEXT && mediaPath === null
}

/** @throws ChatError `invalid` for a draft that cannot be a message */
export function assertDraft(draft: Draft, messageLengthMax: number): void {
  if (draft.senderId === draft.receiverId) {
    throw new ChatError('invalid', 'sender_id and receiver_id must be two different users')
  }
  if (draft.media === undefined && draft.message.trim() === '') {
    throw new ChatError('invalid', 'At least one of message, image, or voice must be provided')
  }
  if (isLongerThan(draft.message, messageLengthMax)) {
    throw new ChatError('invalid', `message must be at most ${messageLengthMax} characters long`)
  }
  if (isLongerThan(draft.clientMessageId ?? '', limits.clientMessageIdLength.max)) {
    const limit = `${limits.clientMessageIdLength.max} characters`
    throw new ChatError('invalid', `client_message_id must be at most ${limit} long`)
  }
}

/** @throws ChatError `invalid` when the first send of a retry was to another receiver */
export function assertSameReceiver(draft: Draft, receiverId: number): void {
  if (draft.receiverId === receiverId) return
  throw new ChatError('invalid', 'client_message_id was used for a message to another user')
}

/** Counts code points, not UTF-16 units: an emoji is one. */
function isLongerThan(text: string, lengthMax: number): boolean {
  if (text.length <= lengthMax) return false
  return text.length > 2 * lengthMax || Array.from(text).length > lengthMax
}

/** @throws ChatError `invalid` or `too_large` for what cannot be broadcast */
export function assertBroadcast(event: string, data: object): void {
  const { eventNameLength, eventDataLevels, eventDataBytes } = limits
  if (event.length > eventNameLength.max) {
    throw new ChatError('invalid', `event must be at most ${eventNameLength.max} characters long`)
  }
  // Before JSON.stringify, which has no limit but the stack.
  if (isDeeperThan(data, eventDataLevels.max)) {
    throw new ChatError('invalid', `data must be at most ${eventDataLevels.max} levels deep`)
  }
  if (Buffer.byteLength(JSON.stringify(data)) > eventDataBytes.max) {
    throw new ChatError('too_large', `data must be at most ${eventDataBytes.max} bytes of JSON`)
  }
}

function isDeeperThan(value: unknown, levelsMax: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levelsMax === 0 || Object.values(value).some((part) => isDeeperThan(part, levelsMax - 1))
}

/** @throws ChatError `invalid` for blocking or unblocking oneself */
export function assertDifferent(userId: number, otherUserId: number): void {
  if (userId !== otherUserId) return
  throw new ChatError('invalid', 'user_id and blocked_user_id must be two different users')
}

/** @throws ChatError `invalid` when a user with `count` blocks may block no more */
export function assertBlockListHasRoom(count: number): void {
  const { max } = limits.blockList
  if (count < max) return
  throw new ChatError('invalid', `You have blocked ${max} users: unblock some first`)
}

/** Whether a block stands between two users, of either's making. */
export function isEitherBlocked({ isBlocked, isBlockedByOther }: BlockState): boolean {
  return isBlocked || isBlockedByOther
}

/**
 * @param state between sender and receiver
 * @throws ChatError `forbidden` when either has blocked the other
 */
export function assertNotBlocked({ isBlocked, isBlockedByOther }: BlockState): void {
  if (isBlockedByOther) {
    throw new ChatError('forbidden', 'This user has blocked you: your message was not sent')
  }
  if (isBlocked) {
    throw new ChatError('forbidden', 'You have blocked this user: unblock them to send a message')
  }
}

export function noSuchUser(): ChatError {
  return new ChatError('not_found', 'There is no such user')
}

/**
 * One answer for what does not exist and what is another user's: it does not reveal which ids
 * exist.
 */
export function noSuchMessage(): ChatError {
  return new ChatError('not_found', 'You have no such conversation or message')
}

/** A user of whom nothing is known but the id. */
export function anonymous(userId: number): User {
  return { userId, username: '', name: '', profileUrl: '' }
}

/** The two users of a conversation, in the order in which it is stored. */
export function pairOf(userId: number, otherUserId: number): Participants {
  return {
    lowerUserId: Math.min(userId, otherUserId),
    higherUserId: Math.max(userId, otherUserId),
  }
}

/** @throws ChatError `not_found` for a user who has no part in the conversation */
export function otherParticipant(participants: Participants, userId: number): number {
  const { lowerUserId, higherUserId } = participants
  if (lowerUserId === userId) return higherUserId
  if (higherUserId === userId) return lowerUserId
  throw noSuchMessage()
}

/** The message of a draft, before it has ids. */
export function newMessage(draft: Draft, sender: User, createdAt: string): Message {
  const { receiverId, message, media, clientMessageId = null } = draft
  return {
    messageId: 0,
    conversationId: 0,
    sender,
    receiverId,
    messageType: media?.type ?? 'text',
    message,
    mediaPath: media?.path ?? null,
    mediaDuration: media?.duration ?? null,
    fileSize: media?.fileSize ?? null,
    clientMessageId,
    readAt: null,
    createdAt,
  }
}

export function isSameProfile(a: Profile, b: Profile): boolean {
  return a.username === b.username && a.name === b.name && a.profileUrl === b.profileUrl
}

/** A user with what a profile says, where nothing is known yet. */
export function completed(user: User, profile: Partial<Profile>): User {
  const { username = '', name = '', profileUrl = '' } = presentable(profile)
  return {
    userId: user.userId,
    username: user.username || username,
    name: user.name || name,
    profileUrl: user.profileUrl || profileUrl,
  }
}

/** Sanitizes a profile: clients in the field pass along whatever they have. */
export function presentable(given: Partial<Profile>): Partial<Profile> {
  const username = presentableName(given.username)
  const name = presentableName(given.name)
  const profileUrl = pictureUrl(given.profileUrl ?? '')
  return {
    ...(username === '' ? {} : { username }),
    ...(name === '' ? {} : { name }),
    ...(profileUrl === undefined ? {} : { profileUrl }),
  }
}

/**
 * A name must not break out of its line, reorder what stands beside it or look like another's:
 * control characters, line separators, bidirectional and invisible formatting. The joiners U+200C
 * and U+200D stay: Persian, Indic scripts and emoji need them. Lone surrogates cannot be stored.
 */
const UNPRESENTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu

function presentableName(name = ''): string {
  return firstCharacters(name.replace(UNPRESENTABLE, '').trim(), limits.nameLength.max)
}

function firstCharacters(text: string, count: number): string {
  return text.length <= count ? text : Array.from(text).slice(0, count).join('')
}

/**
 * An http(s) URL or a path below /uploads/, as a browser would resolve it; undefined for anything
 * else. Other users' pages load it: `javascript:` and `data:` would run there, and a request for
 * any other path of this server would carry their credentials.
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
