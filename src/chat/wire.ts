import type { Clock } from './clock.ts'
import type { Conversation, Message, Profile, User } from './model.ts'

/**
 * The wire format: the JSON of HTTP answers and socket events, as in the PHP original's document,
 * with the further keys that clients in the field read. Both share the shapes, so that a client
 * handles a message the same way from either.
 */
export class Wire {
  readonly #publicUrl: string
  readonly #clock: Clock

  /**
   * @param publicUrl prefix of media and profile URLs: CHAT_PUBLIC_URL, with no slash at its end
   */
  constructor(publicUrl: string, clock: Clock) {
    this.#publicUrl = publicUrl
    this.#clock = clock
  }

  /**
   * The `data` of send_chat_message.php and of chat:message; an element of `data.messages`. JSON
   * omits undefined values, so one literal serves all kinds.
   */
  message(message: Message): object {
    const sender = this.user(message.sender)
    const { messageType, mediaPath } = message
    const mediaUrl = mediaPath === null ? undefined : this.#absolute(uploadUrl(mediaPath))
    return {
      message_id: message.messageId,
      id: message.messageId,
      conversation_id: message.conversationId,
      sender_id: sender.user_id,
      receiver_id: message.receiverId,
      message_type: messageType,
      message: message.message,
      media_url: mediaUrl,
      image_url: messageType === 'image' ? mediaUrl : undefined,
      voice_url: messageType === 'voice' ? mediaUrl : undefined,
      media_duration: message.mediaDuration ?? undefined,
      file_size: message.fileSize ?? undefined,
      sender,
      sender_name: sender.name,
      sender_username: sender.username,
      sender_profile_url: sender.profile_url,
      is_read: message.readAt !== null,
      created_at: this.#clock.shown(message.createdAt),
      client_message_id: message.clientMessageId ?? undefined,
    }
  }

  /** An element of `data.conversations`. */
  conversation(conversation: Conversation): object {
    const { conversationId, other, lastMessage } = conversation
    const otherUser = this.user(other)
    const createdAt = this.#clock.shown(lastMessage.createdAt)
    return {
      conversation_id: conversationId,
      id: conversationId,
      other_user_id: other.userId,
      other_user: otherUser,
      other_user_name: otherUser.name,
      other_user_username: otherUser.username,
      other_user_profile_url: otherUser.profile_url,
      last_message: {
        message_id: lastMessage.messageId,
        sender_id: lastMessage.senderId,
        message: lastMessage.message,
        message_type: lastMessage.messageType,
        created_at: createdAt,
      },
      last_message_time: createdAt,
      unread_count: conversation.unreadCount,
      is_online: other.isOnline,
      status: onlineStatus(other.isOnline),
    }
  }

  /** Never null, whatever is unknown: typed clients (Dart, Swift) crash on a null string. */
  user(user: User): { user_id: number; username: string; name: string; profile_url: string } {
    return {
      user_id: user.userId,
      username: user.username,
      name: user.name || user.username || `User ${user.userId}`,
      profile_url: user.profileUrl === '' ? '' : this.#absolute(user.profileUrl),
    }
  }

  /** The `data` of chat:connected. `recovered` is present when the client asked for recovery. */
  connected(userId: number, connectedUsers: number, recovered: boolean | undefined): object {
    return {
      user_id: userId,
      message: 'Successfully connected to chat server',
      timestamp: this.#clock.shown(this.#clock.stored()),
      connected_users: connectedUsers,
      ...(recovered === undefined ? {} : { recovered }),
    }
  }

  /** The `data` of chat:user_status. */
  userStatus(userId: number, isOnline: boolean): object {
    return {
      user_id: userId,
      status: onlineStatus(isOnline),
      timestamp: this.#clock.shown(this.#clock.stored()),
    }
  }

  /** The `data` of chat:typing. */
  typing(senderId: number, isTyping: boolean): object {
    return { sender_id: senderId, is_typing: isTyping }
  }

  /** The `data` of chat:read: every message up to this one is read. */
  read(read: {
    messageId: number
    readerId: number
    conversationId: number
    readAt: string
  }): object {
    return {
      message_id: read.messageId,
      read_by: read.readerId,
      conversation_id: read.conversationId,
      read_at: this.#clock.shown(read.readAt),
    }
  }

  #absolute(url: string): string {
    return /^https?:/i.test(url) ? url : `${this.#publicUrl}/${url.replace(/^\/+/, '')}`
  }
}

/** Our own names need no escapes; those of imported files may. */
function uploadUrl(mediaPath: string): string {
  return `uploads/${mediaPath.split('/').map(encodeURIComponent).join('/')}`
}

/** Parses the parts of a profile from their documented names. */
export function profileFrom(fields: Record<string, unknown>): Partial<Profile> {
  const { username, name, profile_url: profileUrl } = fields
  return {
    ...(typeof username === 'string' ? { username } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof profileUrl === 'string' ? { profileUrl } : {}),
  }
}

export function onlineStatus(isOnline: boolean): 'online' | 'offline' {
  return isOnline ? 'online' : 'offline'
}
