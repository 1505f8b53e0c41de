/** What is known of a person; '' stands for what is not. */
export interface Profile {
  username: string
  name: string
  /** An http(s) URL, or a path below CHAT_PUBLIC_URL: what clients say, below its /uploads/. */
  profileUrl: string
}

export interface User extends Profile {
  userId: number
}

/** Who blocked whom, of two people. */
export interface BlockState {
  /** The first has blocked the second. */
  isBlocked: boolean
  /** The second has blocked the first. */
  isBlockedByOther: boolean
}

/** Users out of whom some are looked for: those who are online, by their ids. */
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

export interface Conversation {
  conversationId: number
  other: User & { isOnline: boolean }
  lastMessage: Pick<Message, 'messageId' | 'message' | 'messageType' | 'createdAt'> & {
    senderId: number
  }
  /** Messages to the user who asks that they have not read. */
  unreadCount: number
}

export interface Participants {
  lowerUserId: number
  higherUserId: number
}

/** A file that belongs to a message. It is on the disk, for good, before the message is posted. */
export interface Media {
  type: 'image' | 'voice'
  /** Below the uploads folder: 'chat/voice/3f….ogg'. */
  path: string
  fileSize: number
  /** Seconds, as the sender gave them. */
  duration: number | undefined
}

export interface Draft {
  senderId: number
  receiverId: number
  /** The text; with media its caption, or ''. */
  message: string
  media?: Media | undefined
  /** The sender's own name for this send; a second send of that name is a retry of the first. */
  clientMessageId?: string | undefined
}

export interface Page {
  limit: number
  /** Messages to pass over, counted from the newest. */
  offset: number
  /** Only messages older than this one. */
  beforeMessageId?: number | undefined
}

/** What a reader has read: a conversation, all of it or up to one message. */
export type ReadMark = { conversationId: number } | { otherUserId: number } | { messageId: number }

export interface Receipt {
  conversationId: number | null
  /** How many messages are read now that were not before; 0: nothing changed, no event was sent. */
  readCount: number
  /** The newest of them. */
  messageId: number | null
  readAt: string | null
}

/** A row of pending_events: for one user's sockets, or (userId null) for everybody's. */
export interface PendingEvent {
  eventId: number
  event: string
  userId: number | null
  /** The exact JSON of the frame's `data`. */
  data: string
  /** The message that a chat:message of the chat itself brings; null for all else. */
  messageId: number | null
  /**
   * Who an event for everybody is about: neither they get it nor whom a block hides from them. Null
   * where all do.
   */
  subjectUserId: number | null
}

/** An event as it is queued: `data` is null where no client could read what stands there. */
export type QueuedEvent = Omit<PendingEvent, 'data'> & { data: string | null }

/** Where a reader of the events stands. Means something to the engine that gave it alone. */
export type Position = number | string

/** A socket, as everybody but the daemon sees it. */
export interface ConnectionRow {
  connectionId: number
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

/** The process that owns, or wants, the lease. */
export interface LeaseOwner {
  hostname: string
  pid: number
  /** Where it listens: 'ws://127.0.0.1:8089'. */
  address: string
}

/** What a daemon reports of itself with each heartbeat. */
export interface DaemonReport {
  /** Of its tail. */
  position: Position
  /** Events that reached a socket, since the daemon started. */
  deliveredCount: number
  /** The longest that an event was seen to wait since the last heartbeat. */
  lagSeconds: number
  /** The slowest poll since the last heartbeat. */
  pollMs: number
  /** When its last good poll was. */
  polledAt: Date
}

export interface Daemon extends LeaseOwner, Omit<DaemonReport, 'polledAt'> {
  daemonId: number
  startedAt: string
  heartbeatAt: string
  polledAt: string
}
