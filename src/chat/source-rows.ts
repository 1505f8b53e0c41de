import { ChatError } from '../errors.ts'
import type { Clock } from './clock.ts'
import type { ImportedBlock, ImportedMessage, ImportedUser } from './imports.ts'
import { integerFrom } from './integers.ts'
import type { MessageType } from './model.ts'
import { assertDifferent, assertDraft } from './rules.ts'
import { profileFrom } from './wire.ts'

/** A row of another program, by the names of the columns: as a database driver or JSON gives it. */
export type SourceRow = Record<string, unknown>

interface SourceOptions {
  /** Of the zone that times without one are in. */
  clock: Clock
  /** Characters. */
  messageLengthMax: number
  /**
   * Where a file is below the uploads folder.
   *
   * @throws ChatError `invalid` for what is not below it
   */
  mediaPath: (given: string) => string
}

/** Ids go on from the highest one that is imported: those to come have to be safe integers too. */
const MESSAGE_ID_MAX = 1e15
const TYPES = ['text', 'image', 'voice']
const LOCAL_TIME = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/
/** What some databases have for a time that is not known. */
const ZERO_TIME = /^0000-00-00/

/** A row that cannot be imported as it stands; the reason is of few words, and holds no value. */
function refusal(reason: string): ChatError {
  return new ChatError('invalid', reason)
}

/** @throws ChatError `invalid` with the reason for which it cannot be imported */
export function userFrom(row: SourceRow): ImportedUser {
  const names = ['username', 'name', 'profile_url']
  const profile = profileFrom(Object.fromEntries(names.map((name) => [name, textOf(row, name)])))
  return { userId: idOf(row, 'user_id'), profile }
}

/** @throws as `userFrom` */
export function blockFrom(row: SourceRow, { clock }: Pick<SourceOptions, 'clock'>): ImportedBlock {
  const [userId, blockedUserId] = [idOf(row, 'user_id'), idOf(row, 'blocked_user_id')]
  assertDifferent(userId, blockedUserId)
  return { userId, blockedUserId, createdAt: timeOf(row, 'created_at', clock) }
}

/**
 * The message of a row, before its file is looked at. One that the source says was read, but not
 * when, was read when it came: no later block hides that.
 *
 * @throws as `userFrom`
 */
export function messageFrom(row: SourceRow, options: SourceOptions): ImportedMessage {
  const messageId = messageIdOf(row)
  const [senderId, receiverId] = [idOf(row, 'sender_id'), idOf(row, 'receiver_id')]
  const message = textOf(row, 'message')
  const { mediaPath, ...media } = mediaOf(row, options)
  const draft = { senderId, receiverId, message }
  assertDraft(mediaPath === null ? draft : { ...draft, media: ANY_MEDIA }, options.messageLengthMax)
  const createdAt = timeOf(row, 'created_at', options.clock)
  if (createdAt === null) throw refusal('created_at is missing')
  const readAt = readAtOf(row, createdAt, options.clock)
  return { messageId, ...draft, ...media, mediaPath, fileSize: null, readAt, createdAt }
}

/** For rules that only ask whether there is one. */
const ANY_MEDIA = { type: 'image', path: '', fileSize: 0, duration: undefined } as const

/** The id of a row, whatever else is wrong with it; undefined when that is wrong too. */
export function messageIdFrom(row: SourceRow): number | undefined {
  const id = integerFrom(row.message_id)
  return id !== undefined && id > 0 && id <= MESSAGE_ID_MAX ? id : undefined
}

function messageIdOf(row: SourceRow): number {
  const id = messageIdFrom(row)
  if (id !== undefined) return id
  throw refusal(`message_id is no whole number from 1 to ${MESSAGE_ID_MAX}`)
}

function mediaOf(row: SourceRow, { mediaPath }: SourceOptions) {
  const given = textOf(row, 'media_path') || textOf(row, 'media_url')
  const messageType = textOf(row, 'message_type') || 'text'
  if (!isType(messageType)) throw refusal('message_type is none of text, image and voice')
  if (messageType === 'text' && given !== '')
    throw refusal('message_type is text, but it has media')
  if (messageType !== 'text' && given === '') throw refusal('media_url is missing')
  return {
    messageType,
    mediaPath: given === '' ? null : mediaPath(given),
    mediaDuration: messageType === 'voice' ? secondsOf(row, 'media_duration') : null,
  }
}

function isType(text: string): text is MessageType {
  return TYPES.includes(text)
}

function readAtOf(row: SourceRow, createdAt: string, clock: Clock): string | null {
  const readAt = timeOf(row, 'read_at', clock)
  const isRead = flagOf(row, 'is_read') ?? readAt !== null
  return isRead ? (readAt ?? createdAt) : null
}

function idOf(row: SourceRow, column: string): number {
  const id = integerFrom(row[column])
  if (id !== undefined && id > 0) return id
  throw refusal(`${column} is no positive whole number`)
}

/** '' for NULL. The bytes of a column that is selected as binary are taken for UTF-8. */
function textOf(row: SourceRow, column: string): string {
  const value = row[column] ?? ''
  const text = Buffer.isBuffer(value) ? decoded(value, column) : value
  if (typeof text === 'number') return String(text)
  if (typeof text !== 'string') throw refusal(`${column} is no text`)
  // Half of an emoji cannot be stored.
  if (!text.isWellFormed()) throw refusal(`${column} is no valid Unicode`)
  return text
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Buffer, column: string): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw refusal(`${column} is no valid UTF-8`)
  }
}

/** The time of a row, as stored; null for none. */
function timeOf(row: SourceRow, column: string, clock: Clock): string | null {
  const text = textOf(row, column)
  if (text === '' || ZERO_TIME.test(text)) return null
  const [, date, time, zone] = LOCAL_TIME.exec(text) ?? []
  const local = `${date} ${time}`
  const stored = zone === undefined ? clock.storedFromShown(local) : inZone(local, zone, clock)
  if (stored === undefined) throw refusal(`${column} is no time such as 2026-01-23 20:30:45`)
  return stored
}

function inZone(local: string, zone: string, clock: Clock): string | undefined {
  const time = new Date(`${local.replace(' ', 'T')}${zone}`)
  return Number.isNaN(time.getTime()) ? undefined : clock.storedFrom(time)
}

/** Undefined for NULL. */
function flagOf(row: SourceRow, column: string): boolean | undefined {
  const value = row[column] ?? undefined
  // A BIT(1) is a byte.
  const bit = Buffer.isBuffer(value) && value.length === 1 ? value[0] : value
  if (bit === undefined || typeof bit === 'boolean') return bit
  if (!['0', '1'].includes(String(bit))) throw refusal(`${column} is neither 0 nor 1`)
  return String(bit) === '1'
}

/** Whole seconds; null for NULL. */
function secondsOf(row: SourceRow, column: string): number | null {
  const text = textOf(row, column)
  if (text === '') return null
  if (!/^\d{1,9}(\.\d+)?$/.test(text)) throw refusal(`${column} is no number of seconds`)
  return Math.round(Number(text))
}
