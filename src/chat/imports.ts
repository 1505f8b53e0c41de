import { ChatError } from '../errors.ts'
import type { MessageType, Participants, Profile } from './model.ts'
import { pairOf } from './rules.ts'

/** A user as another program knew them. */
export interface ImportedUser {
  userId: number
  profile: Partial<Profile>
}

/** A message as another program stored it, under the id that clients know it by. */
export interface ImportedMessage {
  messageId: number
  senderId: number
  receiverId: number
  messageType: MessageType
  message: string
  /** Below the uploads folder; null for a text. */
  mediaPath: string | null
  mediaDuration: number | null
  /** Null for a text, and until the file was looked at. */
  fileSize: number | null
  readAt: string | null
  createdAt: string
}

/** A block as another program stored it. */
export interface ImportedBlock {
  userId: number
  blockedUserId: number
  /** Null: not known, so it counts from now on. */
  createdAt: string | null
}

/** What the store has under the id, or with the file, of an imported message. */
export type StoredMessage = Omit<ImportedMessage, 'mediaDuration' | 'fileSize'>

/** Imported messages as they differ from what is stored. */
export interface Comparison {
  /** They are not stored yet. */
  added: ImportedMessage[]
  /** They are stored as unread, and were read since. */
  read: ImportedMessage[]
  /** They are stored. */
  known: ImportedMessage[]
  /** They are not stored, and their file is that of a stored one. */
  clashing: ImportedMessage[]
}

/** What an import wrote. */
export interface ImportedCounts {
  added: number
  /** Messages that were there, and are marked as read by now. */
  read: number
}

/**
 * What another program stored. Each method that writes takes one batch, in one transaction, and
 * writes only what is not there: a batch may come again. No event is queued. Until the last batch no
 * client may be let in: resume and live messages rely on ids that rise.
 */
export interface Imports {
  /** Rows in a batch: others wait for so many, and to write fewer at a time takes longer. */
  readonly batchRows: number
  /**
   * Adds the users who are missing, and to the profile of the others what is not known of them.
   *
   * @returns the number of users who are new, or of whom more is known
   */
  addUsers(users: ImportedUser[]): Promise<number>
  /** The messages under the ids, or with the files, of these. */
  find(messages: ImportedMessage[]): Promise<StoredMessage[]>
  /** The first message after one id up to another; undefined for none. */
  firstIdBetween(afterId: number, throughId: number): Promise<number | undefined>
  /** Gives new messages only ids above this one. Idempotent. */
  reserveIds(throughId: number): Promise<void>
  /**
   * Adds messages with their users and conversations, and marks as read those that were read since.
   *
   * @throws ChatError `setup` as `compare`
   */
  addMessages(messages: ImportedMessage[]): Promise<ImportedCounts>
  /** Adds blocks with their users; returns how many are new. */
  addBlocks(blocks: ImportedBlock[]): Promise<number>
}

/** What makes two messages the same, as columns of the source. */
const IDENTITY: [column: string, field: keyof StoredMessage][] = [
  ['sender_id', 'senderId'],
  ['receiver_id', 'receiverId'],
  ['message_type', 'messageType'],
  ['message', 'message'],
  ['media_path', 'mediaPath'],
  ['created_at', 'createdAt'],
]

/**
 * Compares imported messages with those that are stored. Whether one was read goes forwards only, as
 * its receiver may have read it here.
 *
 * @param stored those with the id or the file of any of them
 * @throws ChatError `setup` when another message is stored under one of the ids: it may not be
 *   replaced, and the imported one has no other id
 */
export function compare(messages: ImportedMessage[], stored: StoredMessage[]): Comparison {
  const byId = new Map(stored.map((message) => [message.messageId, message]))
  const paths = new Set(stored.map(({ mediaPath }) => mediaPath))
  const comparison: Comparison = { added: [], read: [], known: [], clashing: [] }
  for (const message of messages) {
    const found = byId.get(message.messageId)
    const isTaken = message.mediaPath !== null && paths.has(message.mediaPath)
    if (found !== undefined) assertSame(message, found)
    if (found === undefined) comparison[isTaken ? 'clashing' : 'added'].push(message)
    else comparison.known.push(message)
    if (found?.readAt === null && message.readAt !== null) comparison.read.push(message)
  }
  return comparison
}

function assertSame(message: ImportedMessage, stored: StoredMessage): void {
  const columns = IDENTITY.filter(([, field]) => message[field] !== stored[field])
  if (columns.length === 0) return
  const names = columns.map(([column]) => column).join(', ')
  throw new ChatError(
    'setup',
    `message_id ${message.messageId} is another message there (${names}).`,
  )
}

/** @throws ChatError `setup` for a message of a client under an id that the source may have */
export function assertNoneBetween(messageId: number | undefined): void {
  if (messageId === undefined) return
  const message = `message_id ${messageId} is of a client there, and the source does not have it.`
  throw new ChatError('setup', message)
}

/** What a batch of messages changes in one conversation. */
export interface ConversationChange extends Participants {
  /** Its new messages. */
  added: ImportedMessage[]
  /** The last of them; 0 for none. */
  lastMessageId: number
  lowerUnread: number
  higherUnread: number
}

/** What a batch changes in the conversations, one for each pair of users. */
export function conversationChanges({ added, read }: Comparison): ConversationChange[] {
  const changes = new Map<string, ConversationChange>()
  for (const message of added) {
    const change = changeOf(message, changes)
    change.added.push(message)
    change.lastMessageId = Math.max(change.lastMessageId, message.messageId)
    if (message.readAt === null) countUnread(change, message, 1)
  }
  for (const message of read) countUnread(changeOf(message, changes), message, -1)
  return [...changes.values()]
}

function changeOf(
  { senderId, receiverId }: ImportedMessage,
  changes: Map<string, ConversationChange>,
): ConversationChange {
  const pair = pairOf(senderId, receiverId)
  const key = `${pair.lowerUserId} ${pair.higherUserId}`
  const found = changes.get(key)
  if (found !== undefined) return found
  const change = { ...pair, added: [], lastMessageId: 0, lowerUnread: 0, higherUnread: 0 }
  changes.set(key, change)
  return change
}

function countUnread(
  change: ConversationChange,
  { receiverId }: ImportedMessage,
  by: number,
): void {
  if (receiverId === change.lowerUserId) change.lowerUnread += by
  else change.higherUnread += by
}
