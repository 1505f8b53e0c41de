import { limits } from '../limits.ts'
import type { Database, Statement } from '../sqlite/database.ts'
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
  readonly #countChanged: Statement<MissedParameters, number>
  readonly #count: Statement<MissedParameters, number>
  readonly #select: Statement<MissedParameters & { viewerId: number }, MessageRow>
  readonly #lastMessageId: Statement<[], number>

  /** @param withOwn whether what the user sent from another device counts too (CHAT_ECHO_TO_SENDER) */
  constructor(database: Database, events: Events, withOwn: boolean) {
    this.#database = database
    this.#events = events
    const missed = missedMessages(withOwn ? 'IN (@userId, changed.other_user_id)' : '= @userId')
    this.#countChanged = database
      .prepare<MissedParameters, number>(`
        WITH ${CHANGED} SELECT count(*) FROM (SELECT 1 FROM changed LIMIT @limit)
      `)
      .pluck()
    this.#count = database
      .prepare<MissedParameters, number>(`
        WITH ${CHANGED} SELECT count(*) FROM (SELECT 1 ${missed} LIMIT @limit)
      `)
      .pluck()
    this.#lastMessageId = database
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'messages'")
      .pluck()
    this.#select = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id IN (
        WITH ${CHANGED}
        SELECT messages.message_id ${missed}
        ORDER BY messages.message_id
        LIMIT @limit
      )
      ORDER BY messages.message_id
    `)
  }

  /** The id of the newest message of all; 0 when there is none yet. */
  async lastMessageId(): Promise<number> {
    return this.#lastMessageId.get() ?? 0
  }

  /**
   * How many messages came after `messageId`, counted up to `limit`. Where so many conversations have
   * changed that to look through them takes too long, it is `limit`.
   */
  async count(userId: number, messageId: number, limit: number): Promise<number> {
    const since = { userId, messageId }
    const changedMax = Math.max(limit, limits.resumedConversations.max)
    const changed = this.#countChanged.get({ ...since, limit: changedMax + 1 }) ?? 0
    if (changed > changedMax) return limit
    return this.#count.get({ ...since, limit }) ?? 0
  }

  /** The first messages that came after `messageId`, in order. */
  async after(userId: number, messageId: number): Promise<MissedPage> {
    const limit = PAGE_MESSAGES_MAX
    return this.#database.read(() => {
      const rows = this.#select.all({ viewerId: userId, userId, messageId, limit })
      const hasMore = rows.length === limit
      return { messages: rows.map(messageFromRow), hasMore, lastEventId: this.#events.lastId() }
    })
  }
}

/**
 * The user's conversations in which something happened since: an index over the receivers of all
 * messages would answer too, but every send would pay for it.
 */
const CHANGED = `
  changed (conversation_id, other_user_id) AS (
    SELECT conversation_id, higher_user_id
    FROM conversations
    WHERE lower_user_id = @userId AND last_message_id > @messageId
    UNION ALL
    SELECT conversation_id, lower_user_id
    FROM conversations
    WHERE higher_user_id = @userId AND last_message_id > @messageId
  )
`

/** CROSS JOIN: one look into the index for each of these conversations, in this order. */
function missedMessages(receiver: string): string {
  return `
    FROM changed
    CROSS JOIN messages ON messages.conversation_id = changed.conversation_id
      AND messages.receiver_id ${receiver}
      AND messages.message_id > @messageId
  `
}

interface MissedParameters {
  userId: number
  messageId: number
  limit: number
}
