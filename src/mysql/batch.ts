import type { Clock } from '../chat/clock.ts'
import type { Draft, Message, Participants, Posted } from '../chat/model.ts'
import {
  assertNotBlocked,
  assertSameReceiver,
  isEitherBlocked,
  newMessage,
  pairOf,
} from '../chat/rules.ts'
import type { Wire } from '../chat/wire.ts'
import { type Known, pairKey, tryKey } from './batch-reads.ts'
import { type PairRow, selectPairs } from './conversations.ts'
import type { Outcome } from './group-commit.ts'
import { caseOf, type Transaction } from './transaction.ts'
import type { Queue, Send, Write, WriteResult } from './write.ts'

export interface BatchParts {
  wire: Wire
  clock: Clock
  /** Whether a message is also sent to the sender's own devices (CHAT_ECHO_TO_SENDER). */
  echoesToSender: boolean
  webhookUrl: string
  webhookDelayMs: number
}

type Stored = Omit<Posted, 'json'>

/** The writes of one transaction. */
export class Batch {
  readonly #parts: BatchParts
  readonly #transaction: Transaction
  readonly #known: Known
  readonly #messages: Message[] = []

  constructor(parts: BatchParts, transaction: Transaction, known: Known) {
    this.#parts = parts
    this.#transaction = transaction
    this.#known = known
  }

  async run(writes: Write[]): Promise<Outcome<WriteResult>[]> {
    const posts = writes.map((write) => (write.kind === 'send' ? this.#tryPost(write) : undefined))
    await this.#store()
    return writes.map((write, index) => {
      if (write.kind === 'queue') return { value: this.#queue(write) }
      const outcome = posts[index] as Outcome<Stored>
      return 'value' in outcome ? { value: this.#announce(outcome.value) } : outcome
    })
  }

  #tryPost({ draft }: Send): Outcome<Stored> {
    try {
      return { value: this.#post(draft) }
    } catch (refusal) {
      return { refusal }
    }
  }

  #post(draft: Draft): Stored {
    const { senderId, receiverId, clientMessageId } = draft
    const { users, firstTries, blocks } = this.#known
    const key = clientMessageId === undefined ? undefined : tryKey(senderId, clientMessageId)
    const first = key === undefined ? undefined : firstTries.get(key)
    if (first !== undefined) {
      assertSameReceiver(draft, first.receiverId)
      return { message: first, isNew: false }
    }
    assertNotBlocked(blocks.state(senderId, receiverId))
    const sender = users.ensure(senderId)
    users.ensure(receiverId)
    const message = newMessage(draft, sender, this.#parts.clock.stored())
    this.#messages.push(message)
    if (key !== undefined) firstTries.set(key, message)
    return { message, isNew: true }
  }

  async #store(): Promise<void> {
    if (this.#messages.length === 0) return
    await this.#known.users.write(this.#transaction)
    await this.#addConversations()
    for (const message of this.#messages) message.conversationId = this.#conversationOf(message)
    const ids = await this.#insertMessages()
    for (const [index, message] of this.#messages.entries())
      message.messageId = ids[index] as number
    this.#recordMessages()
    this.#queueWebhooks()
  }

  async #addConversations(): Promise<void> {
    const { conversations } = this.#known
    const missing = new Map<string, Participants>()
    for (const { sender, receiverId } of this.#messages) {
      const users = pairOf(sender.userId, receiverId)
      const key = pairKey(users.lowerUserId, users.higherUserId)
      if (!conversations.has(key)) missing.set(key, users)
    }
    if (missing.size === 0) return
    const pairs = [...missing.values()]
    const [, rows] = await this.#transaction.runAll<[unknown, PairRow[]]>([
      [
        'INSERT INTO conversations (lower_user_id, higher_user_id) VALUES ?',
        [pairs.map(({ lowerUserId, higherUserId }) => [lowerUserId, higherUserId])],
      ],
      selectPairs(pairs),
    ])
    for (const row of rows) {
      conversations.set(pairKey(row.lowerUserId, row.higherUserId), row.conversationId)
    }
  }

  /**
   * Returns the ids of the messages, in their order. They are read back: from one row to the next
   * they go by a step that a cluster changes whenever a node comes or goes. From the first one on
   * nobody else has a message in these conversations, whose users' shards are locked.
   */
  async #insertMessages(): Promise<number[]> {
    const conversationIds = [...new Set(this.#messages.map((message) => message.conversationId))]
    const [, rows] = await this.#transaction.runAll<[unknown, { messageId: number }[]]>([
      [INSERT_MESSAGES, [this.#messages.map(toRow)]],
      [SELECT_INSERTED, [conversationIds]],
    ])
    return rows.map(({ messageId }) => messageId)
  }

  #conversationOf({ sender, receiverId }: Message): number {
    const { lowerUserId, higherUserId } = pairOf(sender.userId, receiverId)
    return this.#known.conversations.get(pairKey(lowerUserId, higherUserId)) as number
  }

  /** Makes each message its conversation's last, and counts it as unread. */
  #recordMessages(): void {
    const changes = new Map<number, { last: number; lower: number; higher: number }>()
    for (const { conversationId, messageId, sender, receiverId } of this.#messages) {
      const change = changes.get(conversationId) ?? { last: 0, lower: 0, higher: 0 }
      change.last = messageId
      if (receiverId < sender.userId) change.lower += 1
      else change.higher += 1
      changes.set(conversationId, change)
    }
    const ids = [...changes.keys()]
    const by = (part: 'last' | 'lower' | 'higher') =>
      [...changes].flatMap(([id, change]) => [id, change[part]])
    const cases = caseOf('conversation_id', ids.length)
    this.#transaction.writeLast(
      `UPDATE conversations SET
        last_message_id = ${cases},
        lower_unread_count = lower_unread_count + ${cases},
        higher_unread_count = higher_unread_count + ${cases}
      WHERE conversation_id IN (?)`,
      [...by('last'), ...by('lower'), ...by('higher'), ids],
    )
  }

  /** Where CHAT_WEBHOOK_URL is set, each message waits to be pushed. */
  #queueWebhooks(): void {
    const { webhookUrl, webhookDelayMs, clock } = this.#parts
    if (webhookUrl === '') return
    const dueAt = clock.storedIn(webhookDelayMs)
    this.#transaction.writeLast('INSERT INTO webhooks (message_id, user_id, due_at) VALUES ?', [
      this.#messages.map(({ messageId, receiverId }) => [messageId, receiverId, dueAt]),
    ])
  }

  /** Makes the JSON of a message, whose ids are known by now, and the events of a new one. */
  #announce({ message, isNew }: Stored): Posted {
    const { wire, echoesToSender } = this.#parts
    const { messageId, receiverId, sender } = message
    const json = JSON.stringify(wire.message(message))
    if (isNew) {
      this.#transaction.append('chat:message', receiverId, json, { messageId })
      if (echoesToSender) {
        this.#transaction.append('chat:message', sender.userId, json, { messageId })
      }
    }
    return { message, json, isNew }
  }

  #queue({ event, userId, data, about, from }: Queue): number {
    if (from !== undefined && userId !== null) {
      const { online, blocks } = this.#known
      if (!online.has(userId) || isEitherBlocked(blocks.state(from, userId))) return 0
    }
    return this.#transaction.append(event, userId, data, about)
  }
}

const INSERT_MESSAGES = `
  INSERT INTO messages (conversation_id, sender_id, receiver_id, message_type, message,
    media_path, media_duration, file_size, client_message_id, created_at)
  VALUES ?
`

const SELECT_INSERTED = `
  SELECT message_id AS messageId
  FROM messages FORCE INDEX (PRIMARY)
  WHERE message_id >= LAST_INSERT_ID() AND conversation_id IN (?)
  ORDER BY message_id
`

function toRow(message: Message): unknown[] {
  return [
    message.conversationId,
    message.sender.userId,
    message.receiverId,
    message.messageType,
    message.message,
    message.mediaPath,
    message.mediaDuration,
    message.fileSize,
    message.clientMessageId,
    message.createdAt,
  ]
}
