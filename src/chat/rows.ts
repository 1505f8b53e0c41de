import type { Content, Conversation, Message, MessageType } from './model.ts'
import type { WaitingWebhook } from './webhooks.ts'

/** A message as engines select it, with its sender. */
export interface MessageRow extends Omit<Message, 'sender'> {
  senderId: number
  username: string
  name: string
  profileUrl: string
}

/** Name by name: to spread rows would take a quarter of the time of a listing. */
export function messageFromRow(row: MessageRow): Message {
  return {
    messageId: row.messageId,
    conversationId: row.conversationId,
    sender: {
      userId: row.senderId,
      username: row.username,
      name: row.name,
      profileUrl: row.profileUrl,
    },
    receiverId: row.receiverId,
    messageType: row.messageType,
    message: row.message,
    mediaPath: row.mediaPath,
    mediaDuration: row.mediaDuration,
    fileSize: row.fileSize,
    clientMessageId: row.clientMessageId,
    readAt: row.readAt,
    createdAt: row.createdAt,
  }
}

/** What a message says, as engines select it to tell how old it is. */
export interface ContentRow extends Content {
  createdAt: string
}

/** The rows, in their order, before the first that was stored at `time` or later. */
export function olderThan(rows: ContentRow[], time: string): Content[] {
  const end = rows.findIndex(({ createdAt }) => createdAt >= time)
  return end === -1 ? rows : rows.slice(0, end)
}

/** A message that waits to be pushed, as engines select it. */
export type WaitingRow = Omit<WaitingWebhook, 'message'> & { messageId: number }

/** Puts the messages to their rows; a row whose message is gone has none. */
export function waitingFromRows(rows: WaitingRow[], messages: MessageRow[]): WaitingWebhook[] {
  const byId = new Map(messages.map((message) => [message.messageId, message]))
  return rows.flatMap(({ messageId, dueAt, attempts }) => {
    const message = byId.get(messageId)
    return message === undefined ? [] : [{ message: messageFromRow(message), dueAt, attempts }]
  })
}

/** A conversation as engines select it, with the other user and its last message. */
export interface ConversationRow {
  conversationId: number
  unreadCount: number
  otherUserId: number
  username: string
  name: string
  profileUrl: string
  isOnline: 0 | 1
  messageId: number
  senderId: number
  message: string
  messageType: MessageType
  createdAt: string
}

export function conversationFromRow(row: ConversationRow): Conversation {
  const { conversationId, unreadCount, username, name, profileUrl } = row
  const { messageId, senderId, message, messageType, createdAt } = row
  return {
    conversationId,
    unreadCount,
    other: { userId: row.otherUserId, username, name, profileUrl, isOnline: row.isOnline === 1 },
    lastMessage: { messageId, senderId, message, messageType, createdAt },
  }
}
