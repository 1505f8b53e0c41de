/**
 * The wire format: the shapes of HTTP answers and socket events. The library passes them on
 * unchanged, so that the documentation of the protocol is that of this library too.
 */

export interface User {
  user_id: number
  username: string
  name: string
  /** '' when there is none. */
  profile_url: string
}

export type MessageType = 'text' | 'image' | 'voice'

export interface Message {
  message_id: number
  conversation_id: number
  sender_id: number
  receiver_id: number
  message_type: MessageType
  /** The text; with media its caption, or ''. */
  message: string
  media_url?: string
  /** Seconds, of a voice message. */
  media_duration?: number
  /** Bytes. */
  file_size?: number
  sender: User
  is_read: boolean
  /** '2026-01-23 20:30:45', in the time zone of the server's settings. */
  created_at: string
  client_message_id?: string
}

export interface Conversation {
  conversation_id: number
  other_user_id: number
  other_user: User
  last_message: Pick<
    Message,
    'message_id' | 'sender_id' | 'message' | 'message_type' | 'created_at'
  >
  unread_count: number
  is_online: boolean
}

export interface UserStatus {
  other_user_id: number
  other_user: User
  /** The caller has blocked the other one. */
  is_blocked: boolean
  is_blocked_by_other: boolean
  is_online: boolean
  last_seen_at: string | null
}

/** chat:connected */
export interface Hello {
  user_id: number
  connected_users: number
  /** Present when last_message_id was given: whether the replay of recovery follows. */
  recovered?: boolean
}

/** chat:read: everything in the conversation up to this message is read. */
export interface ReadReceipt {
  message_id: number
  read_by: number
  conversation_id: number
  read_at: string
}

/** chat:typing */
export interface Typing {
  sender_id: number
  is_typing: boolean
}

/** chat:user_status */
export interface Presence {
  user_id: number
  status: 'online' | 'offline'
}

/** Any frame of the socket. */
export interface Frame {
  event: string
  data?: unknown
}
