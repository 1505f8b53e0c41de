import type { Database, Statement } from '../database.ts'
import type { Events } from './events.ts'
import { type Message, type MessageRow, messageFromRow, SELECT_MESSAGE } from './message-row.ts'

/** Messages read at once, so that a long absence does not keep the other sockets waiting. */
const PAGE_MESSAGES_MAX = 100

export interface MissedPage {
  messages: Message[]
  hasMore: boolean
  /** The newest event when the page was read: every message up to it is in this page or before. */
  lastEventId: number
}

/**
 * What was sent to a user while they were away, read from the messages themselves: events are gone
 * once they are told, messages are for good.
 */
export class Missed {
  readonly #database: Database
  readonly #events: Events
  readonly #count: Statement<MissedParameters, number>
  readonly #select: Statement<MissedParameters, MessageRow>
  readonly #lastMessageId: Statement<[], number>
  readonly #withOwn: 0 | 1

  /** @param withOwn whether what the user sent from another device counts too (CHAT_ECHO_TO_SENDER) */
  constructor(database: Database, events: Events, withOwn: boolean) {
    this.#database = database
    this.#events = events
    this.#withOwn = withOwn ? 1 : 0
    this.#count = database
      .prepare<MissedParameters, number>(`
        SELECT count(*) FROM (SELECT 1 FROM messages WHERE ${IS_MISSED} LIMIT @limit)
      `)
      .pluck()
    this.#lastMessageId = database
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'messages'")
      .pluck()
    this.#select = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE ${IS_MISSED}
      ORDER BY messages.message_id
      LIMIT @limit
    `)
  }

  /** The id of the newest message of all; 0 when there is none yet. */
  async lastMessageId(): Promise<number> {
    return this.#lastMessageId.get() ?? 0
  }

  /** How many messages came after `messageId`, counted up to `limit`. */
  async count(userId: number, messageId: number, limit: number): Promise<number> {
    const parameters = { userId, messageId, limit, withOwn: this.#withOwn }
    return this.#count.get(parameters) ?? 0
  }

  /** The first messages that came after `messageId`, in order. */
  async after(userId: number, messageId: number): Promise<MissedPage> {
    const limit = PAGE_MESSAGES_MAX
    const parameters = { userId, messageId, limit, withOwn: this.#withOwn }
    return this.#database.read(() => {
      const messages = this.#select.all(parameters).map(messageFromRow)
      return { messages, hasMore: messages.length === limit, lastEventId: this.#events.lastId() }
    })
  }
}

/**
 * Looks only at conversations in which something happened since: an index over the receivers of all
 * messages would answer too, but every send would pay for it.
 */
const IS_MISSED = `
  messages.message_id > @messageId
  AND (messages.receiver_id = @userId OR @withOwn)
  AND messages.conversation_id IN (
    SELECT conversation_id FROM conversations
    WHERE lower_user_id = @userId AND last_message_id > @messageId
    UNION ALL
    SELECT conversation_id FROM conversations
    WHERE higher_user_id = @userId AND last_message_id > @messageId
  )
`

interface MissedParameters {
  userId: number
  messageId: number
  limit: number
  withOwn: 0 | 1
}
