import type { Clock } from './clock.ts'
import type { Conversation, Message, Profile, User } from './model.ts'

/**
 * What clients read, key by key: the shapes of the PHP original's document, and the keys that clients
 * in the field look for besides. HTTP answers and socket events share them, so that a client can
 * treat a message alike wherever it came from.
 */
export class Wire {
  readonly #publicUrl: string
  readonly #clock: Clock

  /** @param publicUrl prefix of media and profile URLs: CHAT_PUBLIC_URL, with no slash at its end */
  constructor(publicUrl: string, clock: Clock) {
    this.#publicUrl = publicUrl
    this.#clock = clock
  }

  /**
   * The `data` of send_chat_message.php and of chat:message; an element of `data.messages`. What is
   * undefined is not there in the JSON: one literal for all kinds, since each message is made into
   * one twice.
   */
  message(message: Message): object {
    const sender = this.user(message.sender)
    const { messageType, mediaPath } = message
    const mediaUrl = mediaPath === null ? undefined : this.#absolute(`uploads/${mediaPath}`)
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

  /** The `data` of chat:connected. `recovered` is there when the client asked for what it missed. */
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

  /** The `data` of chat:read: everything up to this message is read. */
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

/** The parts of a profile that another system tells, by their documented names. */
export function profileFrom(told: Record<string, unknown>): Partial<Profile> {
  const { username, name, profile_url: profileUrl } = told
  return {
    ...(typeof username === 'string' ? { username } : {}),
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof profileUrl === 'string' ? { profileUrl } : {}),
  }
}

export function onlineStatus(isOnline: boolean): 'online' | 'offline' {
  return isOnline ? 'online' : 'offline'
}
