import type { Draft, Message, Page, Posted, ReadMark, Receipt } from '../chat/model.ts'
import { type MessageRow, messageFromRow } from '../chat/rows.ts'
import { assertDraft } from '../chat/rules.ts'
import type { Messages } from '../chat/store.ts'
import type { MysqlDatabase } from './database.ts'
import { selectMessages } from './message-row.ts'
import type { Receipts } from './receipts.ts'
import type { Recovery } from './recovery.ts'
import type { Writes } from './writes.ts'

interface MessagesParts {
  database: MysqlDatabase
  writes: Writes
  receipts: Receipts
  recovery: Recovery
  /** Characters. */
  messageLengthMax: number
}

export class MysqlMessages implements Messages {
  readonly #parts: MessagesParts

  constructor(parts: MessagesParts) {
    this.#parts = parts
  }

  async post(draft: Draft): Promise<Posted> {
    assertDraft(draft, this.#parts.messageLengthMax)
    return this.#parts.writes.send(draft)
  }

  async history(
    conversationId: number,
    page: Page,
    viewerId?: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    const { limit, offset, beforeMessageId = Number.MAX_SAFE_INTEGER } = page
    const rows = await this.#parts.database.read<MessageRow>(PAGE, {
      conversationId,
      beforeMessageId,
      end: limit + 1 + offset,
      limit: limit + 1,
      offset,
      viewerId: viewerId ?? null,
    })
    const messages = rows.slice(0, limit).reverse().map(messageFromRow)
    return { messages, hasMore: rows.length > limit }
  }

  markRead(readerId: number, mark: ReadMark): Promise<Receipt> {
    return this.#parts.receipts.markRead(readerId, mark)
  }

  async peopleOfMedia(path: string): Promise<number[]> {
    const [people] = await this.#parts.database.read<{ senderId: number; receiverId: number }>(
      `SELECT sender_id AS senderId, receiver_id AS receiverId
      FROM messages WHERE media_path = ?`,
      [path],
    )
    return Object.values(people ?? {})
  }

  async lastId(): Promise<number> {
    return (
      (await this.#parts.database.readValue<number>('SELECT MAX(message_id) FROM messages')) ?? 0
    )
  }

  countSince(userId: number, messageId: number, limit: number): Promise<number> {
    return this.#parts.recovery.count(userId, messageId, limit)
  }

  since(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }> {
    return this.#parts.recovery.messages(userId, messageId, limit)
  }
}

/** Each side of the UNION comes ordered from the index, and ends with the page. */
const PAGE = `
  ${selectMessages(':viewerId')}
  JOIN (
    ${received('lower_user_id')} UNION ALL ${received('higher_user_id')}
    ORDER BY message_id DESC
    LIMIT :limit OFFSET :offset
  ) AS page ON page.message_id = messages.message_id
  ORDER BY messages.message_id DESC
`

/** @param receiver a column of conversations */
function received(receiver: string): string {
  return `(
    SELECT message_id
    FROM messages
    WHERE conversation_id = :conversationId AND message_id < :beforeMessageId
      AND receiver_id = (
        SELECT ${receiver} FROM conversations WHERE conversation_id = :conversationId
      )
    ORDER BY message_id DESC
    LIMIT :end
  )`
}
