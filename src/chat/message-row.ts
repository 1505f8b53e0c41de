import type { User } from './users.ts'

export type MessageType = 'text' | 'image' | 'voice'

export interface Message {
  messageId: number
  conversationId: number
  sender: User
  receiverId: number
  messageType: MessageType
  message: string
  mediaPath: string | null
  mediaDuration: number | null
  fileSize: number | null
  clientMessageId: string | null
  readAt: string | null
  createdAt: string
}

/** Selects whole messages, with their senders. Add WHERE and ORDER BY. */
export const SELECT_MESSAGE = `
  SELECT messages.message_id AS messageId,
    messages.conversation_id AS conversationId,
    messages.sender_id AS senderId,
    messages.receiver_id AS receiverId,
    messages.message_type AS messageType,
    messages.message AS message,
    messages.media_path AS mediaPath,
    messages.media_duration AS mediaDuration,
    messages.file_size AS fileSize,
    messages.client_message_id AS clientMessageId,
    messages.read_at AS readAt,
    messages.created_at AS createdAt,
    sender.username AS username,
    sender.name AS name,
    sender.profile_url AS profileUrl
  FROM messages
  JOIN users AS sender ON sender.user_id = messages.sender_id
`

export interface MessageRow extends Omit<Message, 'sender'> {
  senderId: number
  username: string
  name: string
  profileUrl: string
}

export function messageFromRow(row: MessageRow): Message {
  const { senderId, username, name, profileUrl, ...message } = row
  return { ...message, sender: { userId: senderId, username, name, profileUrl } }
}
