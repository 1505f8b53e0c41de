/** The profile of a user; '' for what is not known. */
export interface Profile {
  username: string
  name: string
  /** An http(s) URL, or a path below CHAT_PUBLIC_URL; from a client, below its /uploads/. */
  profileUrl: string
}

export interface User extends Profile {
  userId: number
}

/** The blocks between two users. */
export interface BlockState {
  /** The first has blocked the second. */
  isBlocked: boolean
  /** The second has blocked the first. */
  isBlockedByOther: boolean
}

/** Users among whom a query selects, by their ids: those who are online. */
export interface Candidates {
  size: number
  has(userId: number): boolean
  keys(): Iterable<number>
}

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
  /** Null: unread, as far as the viewer may know. */
  readAt: string | null
  createdAt: string
}

/** What a message says. */
export type Content = Pick<Message, 'messageId' | 'message' | 'mediaPath'>

export interface Conversation {
  conversationId: number
  other: User & { isOnline: boolean }
  lastMessage: Pick<Message, 'messageId' | 'message' | 'messageType' | 'createdAt'> & {
    senderId: number
  }
  /** Messages to the caller that they have not read. */
  unreadCount: number
}

export interface Participants {
  lowerUserId: number
  higherUserId: number
}

/** The file of a message. It is durable on the disk before the message is posted. */
export interface Media {
  type: 'image' | 'voice'
  /** Below the uploads folder: 'chat/voice/3f….ogg'. */
  path: string
  fileSize: number
  /** Seconds, as given by the sender. */
  duration: number | undefined
}

export interface Draft {
  senderId: number
  receiverId: number
  /** The text; with media its caption, or ''. */
  message: string
  media?: Media | undefined
  /** The idempotency key of the sender: a second send with it is a retry of the first. */
  clientMessageId?: string | undefined
}

export interface Posted {
  message: Message
  /** The message as clients see it, made once for the event and the answer: the text of Wire.message. */
  json: string
  /** False for a retry: it is the message of the first try. */
  isNew: boolean
}

export interface Page {
  limit: number
  /** Messages to pass over, counted from the newest. */
  offset: number
  /** Only messages older than this one. */
  beforeMessageId?: number | undefined
}

/** What to mark as read: a conversation, all of it or up to one message. */
export type ReadMark = { conversationId: number } | { otherUserId: number } | { messageId: number }

export interface Receipt {
  conversationId: number | null
  /** The number of messages newly read; 0: nothing changed, no event was sent. */
  readCount: number
  /** The newest of them. */
  messageId: number | null
  readAt: string | null
}

/** A row of pending_events: for one user's sockets, or (userId null) for all sockets. */
export interface PendingEvent {
  eventId: number
  event: string
  userId: number | null
  /** The exact JSON of the frame's `data`. */
  data: string
  /** The message of a chat:message; null for other events, and for those of other programs. */
  messageId: number | null
  /**
   * The user whom an event for all sockets is about: neither they nor users on either side of a
   * block receive it. Null for none.
   */
  subjectUserId: number | null
}

/** An event as it stands in the table: `data` is null when the row has no JSON that can be sent. */
export type QueuedEvent = Omit<PendingEvent, 'data'> & { data: string | null }

/** The position of a tail: opaque, except to the engine that made it. */
export type Position = number | string

/** A socket, as other processes read it from the store. */
export interface ConnectionRow {
  connectionId: number
  daemonId: number
  userId: number
  username: string
  name: string
  /** The client's address. */
  address: string
  connectedAt: string
}

/** A socket that has opened. */
export interface NewConnection {
  daemonId: number
  userId: number
  /** The client's address. */
  address: string
  /** The parts of the user's profile that are known. */
  profile: Partial<Profile>
}

/** A socket that has closed. */
export interface ClosedConnection {
  connectionId: number
  userId: number
  seenAt: Date
}

/** A daemon that registers. */
export interface NewDaemon {
  hostname: string
  pid: number
  /** Where it listens: 'ws://127.0.0.1:8089'. */
  address: string
}

/** The daemon status in each heartbeat. */
export interface DaemonReport {
  /** Of its tail. */
  position: Position
  /** Events that reached a socket, since the daemon started. */
  deliveredCount: number
  /** The longest wait of an event since the last heartbeat. */
  lagSeconds: number
  /** The slowest poll since the last heartbeat. */
  pollMs: number
  /** When its last good poll was. */
  polledAt: Date
}

export interface Daemon extends NewDaemon, Omit<DaemonReport, 'polledAt'> {
  daemonId: number
  startedAt: string
  heartbeatAt: string
  polledAt: string
}
