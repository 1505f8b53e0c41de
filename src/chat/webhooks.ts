import type { Message } from './model.ts'

/** A receiver for whom messages wait to be pushed. */
export interface WebhookReceiver {
  userId: number
  /** When the first of the messages is due, as stored. */
  dueAt: string
  isOnline: boolean
}

/** A message that waits to be pushed. */
export interface WaitingWebhook {
  message: Message
  dueAt: string
  /** The number of posts of it that failed. */
  attempts: number
}

/** The messages that wait to be pushed. */
export interface WebhookBacklog {
  count: number
  /** How long the oldest waits, in whole seconds; 0 for none. */
  oldestSeconds: number
}

/**
 * The messages that wait to be pushed, where CHAT_WEBHOOK_URL is set: a row for each, from the
 * transaction of its send until it is deleted here.
 */
export interface Webhooks {
  /**
   * Up to `limit` of the receivers for whom messages wait. The next call goes on from there; fewer
   * than `limit` are the last of a round over all of them.
   *
   * @param daemonIds whose sockets count
   */
  receivers(limit: number, daemonIds: number[]): Promise<WebhookReceiver[]>
  /**
   * The first messages that wait for a receiver, in order, as the receiver sees them: of those that
   * there were at the last call of `receivers`. No message with a lower id is committed later.
   */
  waiting(userId: number, limit: number): Promise<WaitingWebhook[]>
  /** Counts a failed post of a message, and lets it wait. */
  postpone(messageId: number, dueAt: string): Promise<void>
  /** Idempotent. */
  delete(message: Pick<Message, 'messageId' | 'receiverId'>): Promise<void>
  /** Deletes what was due by `dueAt`, of these of `receivers`; resolves with the number of messages. */
  deleteDue(userIds: number[], dueAt: string): Promise<number>
  /**
   * Deletes messages that were sent before `sentAt`, the oldest first, up to some at a time; resolves
   * with their number: 0 when there are none.
   */
  deleteOld(sentAt: string): Promise<number>
  backlog(): Promise<WebhookBacklog>
}
