import type { Chat } from '../chat/chat.ts'
import type { Clock } from '../chat/clock.ts'
import { assertNoneBetween, compare, type ImportedMessage } from '../chat/imports.ts'
import {
  blockFrom,
  messageFrom,
  messageIdFrom,
  type SourceRow,
  userFrom,
} from '../chat/source-rows.ts'
import { ChatError, hasCode } from '../errors.ts'
import type { MediaStore } from '../media/media-store.ts'
import { sourcePath } from '../media/source-path.ts'
import type { Staging } from '../sqlite/staging.ts'
import type { Report } from './import-report.ts'
import type { Kind } from './import-sources.ts'
import type { SourceLine } from './ndjson.ts'

/** Files that are looked for at once: a bucket is asked for each. */
const FILES_AT_ONCE = 32

interface CheckParts {
  chat: Chat
  mediaStore: MediaStore
  staging: Staging
  report: Report
  /** Of the zone that times of the source are in. */
  clock: Clock
  /** Characters. */
  messageLengthMax: number
  /** As sourcePath. */
  mediaPrefixes: string[]
}

/**
 * Reads what is to be imported, and writes nothing to the chat: rows that are not there yet, and can
 * be, are staged; the others are counted or refused.
 */
export class ImportCheck {
  readonly #parts: CheckParts
  /** Of all rows of the source, also of those that are refused: phones may know it. */
  #highestId = 0
  /** Of the messages that an earlier import has written. */
  #highestKnownId = 0

  constructor(parts: CheckParts) {
    this.#parts = parts
  }

  get highestId(): number {
    return this.#highestId
  }

  /** @throws ChatError `setup` as `compare` */
  async take(kind: Kind, lines: SourceLine[]): Promise<void> {
    if (kind === 'messages') await this.#takeMessages(lines)
    else if (kind === 'users') this.#takeUsers(lines)
    else this.#takeBlocks(lines)
  }

  /**
   * What an earlier import has written are the first messages of the source, and the ids of all
   * others were reserved by it. So a message after those, up to the source's last, is of a client.
   *
   * @throws ChatError `setup` for one
   */
  async assertNoClients(): Promise<void> {
    const { imports } = this.#parts.chat
    assertNoneBetween(await imports.firstIdBetween(this.#highestKnownId, this.#highestId))
  }

  #takeUsers(lines: SourceLine[]): void {
    for (const user of this.#parsed('users', lines, userFrom)) {
      this.#stage('users', user.userId, `user_id ${user.userId}`, user)
    }
  }

  #takeBlocks(lines: SourceLine[]): void {
    const parse = (row: SourceRow) => blockFrom(row, this.#parts)
    for (const block of this.#parsed('blocks', lines, parse)) {
      const key = `${block.userId} ${block.blockedUserId}`
      const name = `user_id ${block.userId}, blocked_user_id ${block.blockedUserId}`
      this.#stage('blocks', key, name, block)
    }
  }

  async #takeMessages(lines: SourceLine[]): Promise<void> {
    const { chat, mediaPrefixes, report } = this.#parts
    const mediaPath = (given: string) => sourcePath(given, mediaPrefixes)
    const options = { ...this.#parts, mediaPath }
    const messages = this.#parsed('messages', lines, (row) => messageFrom(row, options))
    const garbledCount = messages.filter(({ message }) => message.includes(GARBLED_EMOJI)).length
    if (garbledCount > 0) report.count('messages', 'garbled', garbledCount)
    const { added, read, known, clashing } = compare(messages, await chat.imports.find(messages))
    for (const { messageId } of known) {
      this.#highestKnownId = Math.max(this.#highestKnownId, messageId)
    }
    for (const { messageId } of clashing) {
      report.refuse('messages', `message_id ${messageId}`, SHARED_FILE)
    }
    const staged = (await this.#withFiles(added)).filter((message) => this.#stageMessage(message))
    const marked = read.filter((message) => this.#stageMessage(message))
    report.count('messages', 'new', staged.length)
    report.count('messages', 'known', known.length)
    report.count('messages', 'read', marked.length)
  }

  /** The rows that can be imported; the others are refused. */
  #parsed<Row>(kind: Kind, lines: SourceLine[], parse: (row: SourceRow) => Row): Row[] {
    const { report } = this.#parts
    return lines.flatMap((line) => {
      report.count(kind, 'rows')
      try {
        if (line instanceof ChatError) throw line
        if (kind === 'messages') this.#seeId(line)
        return [parse(line)]
      } catch (error) {
        if (!hasCode(error, 'invalid')) throw error
        report.refuse(kind, nameOf(line, report.countOf(kind, 'rows')), error.message)
        return []
      }
    })
  }

  #seeId(row: SourceRow): void {
    this.#highestId = Math.max(this.#highestId, messageIdFrom(row) ?? 0)
  }

  /** Those whose file, if they have one, is there; with its size. The others are refused. */
  async #withFiles(messages: ImportedMessage[]): Promise<ImportedMessage[]> {
    const found: ImportedMessage[] = []
    for (let start = 0; start < messages.length; start += FILES_AT_ONCE) {
      const some = messages.slice(start, start + FILES_AT_ONCE)
      const sizes = await Promise.all(some.map(({ mediaPath }) => this.#sizeOf(mediaPath)))
      for (const [index, message] of some.entries()) {
        const fileSize = sizes[index] ?? null
        if (message.mediaPath === null || fileSize) found.push({ ...message, fileSize })
        else this.#refuseFile(message, fileSize)
      }
    }
    return found
  }

  async #sizeOf(mediaPath: string | null): Promise<number | undefined> {
    return mediaPath === null ? undefined : this.#parts.mediaStore.sizeOf(mediaPath)
  }

  #refuseFile({ messageId, mediaPath }: ImportedMessage, size: number | null): void {
    const reason = size === 0 ? 'its file is empty' : 'its file is not there, or cannot be read'
    this.#parts.report.refuse('messages', `message_id ${messageId}`, `${reason}: ${mediaPath}`)
  }

  #stageMessage(message: ImportedMessage): boolean {
    const { staging, report } = this.#parts
    const { messageId, mediaPath } = message
    const name = `message_id ${messageId}`
    if (!this.#stage('messages', messageId, name, message)) return false
    if (mediaPath === null || staging.add('files', mediaPath, messageId)) return true
    staging.removeMessage(messageId)
    report.refuse('messages', name, SHARED_FILE)
    return false
  }

  #stage(kind: Kind, key: number | string, name: string, row: object): boolean {
    const isFirst = this.#parts.staging.add(kind, key, row)
    if (!isFirst) this.#parts.report.refuse(kind, name, 'it comes a second time')
    return isFirst
  }
}

/** How the UTF-8 of every emoji begins when it is read as latin1. */
const GARBLED_EMOJI = 'ð\u0178'
/** Each file has one message: who may see it depends on that. */
const SHARED_FILE = 'its file is that of another message'

/** What the operator finds a row by. */
function nameOf(line: SourceLine, number: number): string {
  if (line instanceof ChatError) return `row ${number}`
  const messageId = messageIdFrom(line)
  if (messageId !== undefined) return `message_id ${messageId}`
  return typeof line.user_id === 'number' ? `user_id ${line.user_id}` : `row ${number}`
}
