import type { Imports } from './imports.ts'
import type {
  BlockState,
  Candidates,
  ClosedConnection,
  ConnectionRow,
  Content,
  Conversation,
  Daemon,
  DaemonReport,
  Draft,
  Message,
  NewConnection,
  NewDaemon,
  Page,
  Participants,
  Position,
  Posted,
  QueuedEvent,
  ReadMark,
  Receipt,
  User,
} from './model.ts'
import type { Webhooks } from './webhooks.ts'

/**
 * The interface of an engine. One method is one use case and one transaction: it resolves once that
 * is committed, and (in chat-api) durable. It takes and returns plain values. It rejects with a
 * ChatError: besides those that are named here, `unavailable` for a write that cannot be stored
 * now.
 */
export interface Store {
  readonly users: Users
  readonly blocks: Blocks
  readonly conversations: Conversations
  readonly messages: Messages
  readonly events: Events
  readonly forgetting: Forgetting
  readonly connections: Connections
  readonly daemons: Daemons
  readonly imports: Imports
  readonly webhooks: Webhooks
  /** Why writes fail, as far as a quick check shows; undefined while they do not. */
  problem(): string | undefined
  /** Commits what is queued, then closes the engine. Idempotent. */
  close(): Promise<void>
}

/** A row for every user who ever connected, sent or received a message. */
export interface Users {
  find(userId: number): Promise<User | undefined>
  /** When the user was last online, as stored; undefined for never. */
  lastSeenAt(userId: number): Promise<string | undefined>
}

/** Blocks between users. A block stops messages, and hides the presence of both from each other. */
export interface Blocks {
  /**
   * Blocks another user. Idempotent.
   *
   * @param isAuthenticated whether `userId` is authenticated: then they exist, row or not
   * @throws ChatError `invalid` for blocking oneself, or one more than `limits.blockList`;
   *   `not_found` when either has no row
   */
  block(userId: number, otherUserId: number, isAuthenticated: boolean): Promise<void>
  /**
   * Removes a block. Idempotent.
   *
   * @throws ChatError `invalid` for unblocking oneself
   */
  unblock(userId: number, otherUserId: number): Promise<void>
  find(userId: number, otherUserId: number): Promise<BlockState>
  /** The users of `candidates` with a block, in either direction, between them and the user. */
  hiddenFrom(userId: number, candidates: Candidates): Promise<Set<number>>
}

/** One conversation for each pair of users with messages between them. */
export interface Conversations {
  /** The user's conversations, the one with the newest message first. */
  list(userId: number, page: { limit: number; offset: number }): Promise<Conversation[]>
  /** The two users of a conversation; undefined when there is no such conversation. */
  participants(conversationId: number): Promise<Participants | undefined>
  /** The conversation of two users; undefined when neither has written yet. */
  between(userId: number, otherUserId: number): Promise<number | undefined>
  /** The users of `candidates` who share a conversation with this user. */
  contactsOf(userId: number, candidates: Candidates): Promise<number[]>
}

export interface Messages {
  /**
   * Stores a message and queues its chat:message event for the receiver, in one transaction.
   * Idempotent by Draft.clientMessageId: a retry resolves with the first try's message and `isNew`
   * false, and sends nothing.
   *
   * @throws ChatError `invalid` for a draft that cannot be a message; `forbidden` when one of the
   *   two has blocked the other
   */
  post(draft: Draft): Promise<Posted>
  /**
   * A page of a conversation as `viewerId` may see it (undefined: the viewer is not known), oldest
   * message first, and whether older ones follow.
   */
  history(
    conversationId: number,
    page: Page,
    viewerId?: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }>
  /**
   * Marks the messages to `readerId` in a conversation as read, up to the marked one, and queues
   * one chat:read for their sender and one for the reader's own devices; while one of the two has
   * blocked the other, only the latter. Idempotent.
   *
   * @throws ChatError `not_found` for a conversation or message that the reader has no part in
   */
  markRead(readerId: number, mark: ReadMark): Promise<Receipt>
  /** Sender and receiver of the message with this file below the uploads folder; empty for none. */
  peopleOfMedia(path: string): Promise<number[]>
  /** The id of the newest message in the store; 0 when there is none yet. */
  lastId(): Promise<number>
  /**
   * The number of messages for the user after `messageId`, counted up to `limit`. It is `limit`
   * when so many conversations have changed that a count takes too long.
   */
  countSince(userId: number, messageId: number, limit: number): Promise<number>
  /**
   * Recovery: the first messages for the user after `messageId`, in order. No message with a lower
   * id is committed later.
   */
  since(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }>
}

/** The queue between the writers of events and the daemons: the pending_events table. */
export interface Events {
  /**
   * Queues a custom event for one user or (userId null) for all connected users; resolves with its
   * event_id.
   *
   * @throws ChatError `invalid` or `too_large` beyond the limits of rules.ts
   */
  broadcast(event: string, userId: number | null, data: object): Promise<number>
  /**
   * Queues a chat:typing for a receiver who is connected, with no block between the two; otherwise
   * only reads.
   */
  typing(senderId: number, receiverId: number, isTyping: boolean): Promise<void>
  /** A tail that starts at this position; undefined: at the oldest event. */
  tail(position?: Position): EventTail
  /**
   * How long the oldest of the events after `position` (undefined: of all) has waited, in whole
   * seconds; 0 for none.
   */
  waitedSeconds(position?: Position): Promise<number>
  /** The number of events ever queued. */
  queuedCount(): Promise<number>
}

/**
 * Reads the events of this store in an order that keeps each user's events in the order of their
 * commits. Delivery is at least once: an event that was read but not acknowledged before a crash is
 * read again.
 */
export interface EventTail {
  /**
   * The position at which a successor goes on: every event up to it is acknowledged and, where the
   * engine can say so, none of those that the last deleteRead kept is before it.
   */
  readonly position: Position
  /**
   * Whether every event is acknowledged, as far as the engine knows from memory alone; false when
   * it does not know.
   */
  isAtEnd(): boolean
  /**
   * Up to `limit` events after the acknowledged ones, oldest first.
   *
   * @param receivers undefined: events for all users. Otherwise those for other users may be passed
   *   over for good: a user who joins the receivers recovers what was committed before from the
   *   messages. It is looked at after the events are known to be committed.
   */
  read(limit: number, receivers?: Candidates): Promise<QueuedEvent[]>
  /**
   * Whether events were lost to this tail since the last call (it was paused for longer than events
   * are kept, or the database went back in time), and for which users: their sockets must recover
   * from the messages.
   */
  takeGap(): ((userId: number) => boolean) | undefined
  /** Acknowledges the event and those read before it. */
  acknowledge(event: Pick<QueuedEvent, 'eventId'>): void
  /** The wait of the oldest event that is not acknowledged, in whole seconds; 0 for none. */
  waitedSeconds(): Promise<number>
  /**
   * Deletes acknowledged events, except those whose ids are in `kept`; resolves with whether there
   * may be more to delete.
   */
  deleteRead(kept: ReadonlySet<number>): Promise<boolean>
}

/**
 * Forgetting: what people wrote is deleted, its ids and order stay. A forgotten message is a text,
 * FORGOTTEN_TEXT, with the people, times, read state and client_message_id that it had: a retry of
 * it is answered, and not stored anew. Each method is idempotent.
 */
export interface Forgetting {
  /**
   * Reads messages in the order of their ids: the first after `messageId`, up to `limit` of them,
   * and only those before the first that was stored at `time` or later, as the store has times.
   */
  storedBefore(time: string, messageId: number, limit: number): Promise<Content[]>
  /**
   * Forgets these messages; their files are the caller's to remove. Resolves with the number of
   * those that were not forgotten before.
   */
  messages(messageIds: number[]): Promise<number>
  /** Forgets the profile of a user, and when they were last seen. */
  profile(userId: number): Promise<void>
  /**
   * Makes the queued events of forgotten messages anew, in many small transactions: they carry the
   * text, and the sender's profile. Resolves with the number of those that changed.
   */
  events(): Promise<number>
}

/** Presence: a row for each socket, so that other processes know who is online. */
export interface Connections {
  /**
   * Saves the parts of the profile that are given, sanitized, and inserts the socket.
   *
   * @returns the connection_id to pass to `disconnect`, and whether it is the user's first
   */
  connect(connection: NewConnection): Promise<{ connectionId: number; isFirst: boolean }>
  /**
   * Deletes a socket; if it was the user's last, they were last seen at `seenAt`. Idempotent.
   *
   * @returns whether it was the user's last
   */
  disconnect(connection: ClosedConnection): Promise<boolean>
  /**
   * Queues a chat:user_status about each of these users, for the users who may see it.
   *
   * @param isOnline as this daemon knows it; where several daemons share the store, what counts is
   *   whether the user has a socket at any of them
   */
  announce(isOnline: ReadonlyMap<number, boolean>): Promise<void>
  /** Every socket, the oldest first. */
  list(): Promise<ConnectionRow[]>
  /** The number of sockets, and of users online. */
  count(): Promise<{ connections: number; users: number }>
  isOnline(userId: number): Promise<boolean>
}

/** The daemons of this store: one on an embedded engine, any number on a shared one. */
export interface Daemons {
  /**
   * Registers a daemon. No daemon that registers reads an ephemeral event older than
   * EPHEMERAL_SECONDS.
   *
   * @returns its daemon_id, for `heartbeat` and `unregister`, and the position at which its tail
   *   starts: where its predecessor on the same address stopped; undefined: at the oldest event
   * @throws ChatError `setup`, naming the pid, where another daemon lives and the engine takes only
   *   one
   */
  register(daemon: NewDaemon): Promise<{ daemonId: number; position: Position | undefined }>
  /** @throws ChatError `setup` as `register` */
  assertFree(hostname: string): Promise<void>
  /** Says that the daemon lives; resolves with false when its registration is gone. */
  heartbeat(daemonId: number, report: DaemonReport): Promise<boolean>
  /**
   * Ends the registration after a graceful shutdown; everybody who was connected was last seen just
   * now.
   */
  unregister(daemonId: number, report: DaemonReport): Promise<void>
  /** The daemons that live, as seen from `hostname`, the oldest first. */
  list(hostname: string): Promise<Daemon[]>
}
