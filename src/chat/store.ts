import type {
  BlockState,
  Candidates,
  ClosedConnection,
  ConnectionRow,
  Conversation,
  Daemon,
  DaemonReport,
  Draft,
  LeaseOwner,
  Message,
  NewConnection,
  Page,
  Participants,
  Position,
  QueuedEvent,
  ReadMark,
  Receipt,
  User,
} from './model.ts'

/**
 * What an engine that keeps the chat has to do. One method is one use case and one transaction: it
 * resolves once that is committed, and (in chat-api) durable. It takes and returns plain values.
 * What it refuses it rejects with a ChatError: besides those that are named here, `unavailable` for
 * what cannot be stored now.
 */
export interface Store {
  readonly users: Users
  readonly blocks: Blocks
  readonly conversations: Conversations
  readonly messages: Messages
  readonly events: Events
  readonly connections: Connections
  readonly daemons: Daemons
  /** Why nothing can be stored, as far as one look tells; undefined while it can. */
  problem(): string | undefined
  /** Commits what is queued, then closes the engine. Idempotent. */
  close(): Promise<void>
}

/** Who is who: a row for everybody who ever connected, wrote or was written to. */
export interface Users {
  find(userId: number): Promise<User | undefined>
  /** When the user was last online, as stored; undefined when that never was. */
  lastSeenAt(userId: number): Promise<string | undefined>
}

/** Who does not want to hear from whom. A block hides both from each other. */
export interface Blocks {
  /**
   * Blocks another user. Idempotent.
   *
   * @param isAuthenticated whether `userId` has proved who they are: then they exist, row or not
   * @throws ChatError `invalid` for blocking oneself, or one more than `limits.blockList`;
   *   `not_found` when either was never heard of
   */
  block(userId: number, otherUserId: number, isAuthenticated: boolean): Promise<void>
  /**
   * Takes a block back; where there is none, nothing changes.
   *
   * @throws ChatError `invalid` for unblocking oneself
   */
  unblock(userId: number, otherUserId: number): Promise<void>
  find(userId: number, otherUserId: number): Promise<BlockState>
  /** Those of `candidates` between whom and the user a block of either stands. */
  hiddenFrom(userId: number, candidates: Candidates): Promise<Set<number>>
}

/** One conversation for each pair of people who have written to each other. */
export interface Conversations {
  /** The user's conversations, the one with the newest message first. */
  list(userId: number, page: { limit: number; offset: number }): Promise<Conversation[]>
  /** The two people of a conversation; undefined when there is no such conversation. */
  participants(conversationId: number): Promise<Participants | undefined>
  /** The conversation of two people; undefined when neither has written yet. */
  between(userId: number, otherUserId: number): Promise<number | undefined>
  /** Those of `candidates` who share a conversation with this user. */
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
  post(draft: Draft): Promise<{ message: Message; isNew: boolean }>
  /**
   * A page of a conversation as `viewerId` sees it (undefined: the viewer is not known), oldest
   * message first, and whether older ones follow.
   */
  history(
    conversationId: number,
    page: Page,
    viewerId?: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }>
  /**
   * Marks as read what `readerId` was sent in a conversation, up to the marked message, and queues
   * one chat:read for its sender and one for the reader's own devices; while one of the two has
   * blocked the other, only the latter.
   *
   * @throws ChatError `not_found` for a conversation or message that the reader has no part in
   */
  markRead(readerId: number, mark: ReadMark): Promise<Receipt>
  /** The two people whose message a file below the uploads folder belongs to; [] for none. */
  peopleOfMedia(path: string): Promise<number[]>
  /** The id of the newest message of all; 0 when there is none yet. */
  lastId(): Promise<number>
  /**
   * How many messages came for the user after `messageId`, counted up to `limit`. Where so many
   * conversations have changed that to look through them takes too long, it is `limit`.
   */
  countSince(userId: number, messageId: number, limit: number): Promise<number>
  /**
   * Recovery: the first messages that came for the user after `messageId`, in order. None with an
   * id up to theirs is committed later.
   */
  since(
    userId: number,
    messageId: number,
    limit: number,
  ): Promise<{ messages: Message[]; hasMore: boolean }>
}

/** The queue between what happens and the daemon that delivers it: the pending_events table. */
export interface Events {
  /**
   * Queues an event of the caller's own for one user (or, userId null, for everybody connected);
   * resolves with its event_id.
   *
   * @throws ChatError `invalid` or `too_large` beyond the limits of rules.ts
   */
  broadcast(event: string, userId: number | null, data: object): Promise<number>
  /**
   * Queues a chat:typing for the receiver, if they are connected and no block stands between the
   * two; else does nothing, at the cost of a read.
   */
  typing(senderId: number, receiverId: number, isTyping: boolean): Promise<void>
  /** Reads from the oldest event on. */
  tail(): EventTail
  /**
   * How long the oldest of the events after `position` (undefined: of all) has waited, in whole
   * seconds; 0 for none.
   */
  waitedSeconds(position?: Position): Promise<number>
  /** How many events were ever queued. */
  queuedCount(): Promise<number>
  /** Deletes ephemeral events that are older than EPHEMERAL_SECONDS. */
  deleteStale(): Promise<void>
}

/**
 * Reads the events that this store's users are sent, forever, in an order in which no user's events
 * are swapped. An event is read once, and counts as handed on when it is acknowledged: a crash in
 * between repeats it rather than loses it.
 */
export interface EventTail {
  /** Every event up to here is acknowledged. Means something to the engine alone. */
  readonly position: Position
  /**
   * Whether there can be no event after those that are acknowledged, as far as the engine can tell at
   * the cost of a look into memory; false where it cannot.
   */
  isAtEnd(): boolean
  /** Up to `limit` events after those that are acknowledged, oldest first. */
  read(limit: number): Promise<QueuedEvent[]>
  /** The event and those that were read before it are handed on. */
  acknowledge(event: Pick<QueuedEvent, 'eventId'>): void
  /** How long the oldest unacknowledged event has waited, in whole seconds; 0 for none. */
  waitedSeconds(): Promise<number>
  /**
   * Deletes events that are acknowledged, all but those whose ids are in `kept`; resolves with
   * whether there may be more to delete.
   */
  deleteRead(kept: ReadonlySet<number>): Promise<boolean>
}

/** Who is connected: the table that makes the daemon's knowledge everybody's. */
export interface Connections {
  /**
   * Keeps the parts of the profile that are given, as far as they can be shown, and records the
   * socket.
   *
   * @returns the connection_id to pass to `disconnect`, and whether it is the user's first
   */
  connect(connection: NewConnection): Promise<{ connectionId: number; isFirst: boolean }>
  /**
   * Removes a socket; if it was the user's last, they were last seen at `seenAt`. Idempotent.
   *
   * @returns whether it was the last
   */
  disconnect(connection: ClosedConnection): Promise<boolean>
  /** Queues a chat:user_status, for everybody who may see it, of each of these users. */
  announce(isOnline: ReadonlyMap<number, boolean>): Promise<void>
  /** Every socket, the oldest first. */
  list(): Promise<ConnectionRow[]>
  /** How many sockets, of how many users. */
  count(): Promise<{ connections: number; users: number }>
  isOnline(userId: number): Promise<boolean>
}

/** The lease: which daemon delivers this store's events. */
export interface Daemons {
  /**
   * Takes the lease, clearing what a dead owner left: its connections go with its row, and their
   * users were last seen at its last heartbeat, or when they connected after it.
   *
   * @returns the daemon_id to pass to `heartbeat` and `release`
   * @throws ChatError `setup`, naming the owner's pid, while another daemon lives
   */
  acquire(owner: LeaseOwner): Promise<number>
  /** @throws ChatError `setup`, naming the owner's pid, while another daemon lives */
  assertFree(hostname: string): Promise<void>
  /** Says that the daemon lives; resolves with false when the lease is not its own any more. */
  heartbeat(daemonId: number, report: DaemonReport): Promise<boolean>
  /** Gives the lease back; everybody who was connected was last seen just now. */
  release(daemonId: number): Promise<void>
  /** The daemon that serves this store, as seen from `hostname`; undefined when none lives. */
  find(hostname: string): Promise<Daemon | undefined>
}
