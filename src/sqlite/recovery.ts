import type { Message } from '../chat/model.ts'
import { type MessageRow, messageFromRow } from '../chat/rows.ts'
import { limits } from '../limits/limits.ts'
import type { Database, Statement } from './database.ts'
import { SELECT_MESSAGE } from './message-row.ts'

/**
 * Recovery: the messages that a user received after a given one. It reads the messages, not the
 * events: events are deleted after delivery, messages stay.
 */
export class Recovery {
  readonly #countChanged: Statement<SinceParameters, number>
  readonly #count: Statement<SinceParameters, number>
  readonly #select: Statement<SinceParameters & { viewerId: number }, MessageRow>

  /** @param withOwn whether messages that the user sent count too (CHAT_ECHO_TO_SENDER) */
  constructor(database: Database, withOwn: boolean) {
    const since = messagesSince(withOwn ? 'IN (@userId, changed.other_user_id)' : '= @userId')
    this.#countChanged = database.prepareValue(`
      WITH ${CHANGED} SELECT count(*) FROM (SELECT 1 FROM changed LIMIT +@limit)
    `)
    this.#count = database.prepareValue(`
      WITH ${CHANGED} SELECT count(*) FROM (SELECT 1 ${since} LIMIT +@limit)
    `)
    this.#select = database.prepare(`
      ${SELECT_MESSAGE}
      WHERE messages.message_id IN (
        WITH ${CHANGED}
        SELECT messages.message_id ${since}
        ORDER BY messages.message_id
        LIMIT +@limit
      )
      ORDER BY messages.message_id
    `)
  }

  count(userId: number, messageId: number, limit: number): number {
    const since = { userId, messageId }
    const changedMax = Math.max(limit, limits.resumedConversations.max)
    const changed = this.#countChanged.get({ ...since, limit: changedMax + 1 }) ?? 0
    if (changed > changedMax) return limit
    return this.#count.get({ ...since, limit }) ?? 0
  }

  messages(
    userId: number,
    messageId: number,
    limit: number,
  ): { messages: Message[]; hasMore: boolean } {
    const rows = this.#select.all({ viewerId: userId, userId, messageId, limit: limit + 1 })
    return { messages: rows.slice(0, limit).map(messageFromRow), hasMore: rows.length > limit }
  }
}

/**
 * The user's conversations with messages since. An index over the receivers of all messages would
 * find them too, but every send would pay for it.
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

/** CROSS JOIN fixes the order: two index lookups for each of these conversations. */
function messagesSince(receiver: string): string {
  return `
    FROM changed
    CROSS JOIN messages ON messages.is_recent IN (0, 1)
      AND messages.conversation_id = changed.conversation_id
      AND messages.receiver_id ${receiver}
      AND messages.message_id > @messageId
  `
}

interface SinceParameters {
  userId: number
  messageId: number
  limit: number
}
