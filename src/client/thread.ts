import type { ChatClient, HistoryPage } from './chat-client.ts'
import { Emitter } from './emitter.ts'
import type { Outgoing } from './outbox.ts'
import { reasonOf } from './reason.ts'
import type { Message, MessageType, ReadReceipt, User, UserStatus } from './wire.ts'

const PAGE = 50

/** A message as a view shows it, sent or not. */
export interface ThreadItem {
  /** The same before and after it is sent. */
  key: string
  isMine: boolean
  type: MessageType
  text: string
  status: 'queued' | 'sending' | 'failed' | 'sent' | 'read'
  /** There once the server has it. */
  message?: Message
  /** There until then. */
  outgoing?: Outgoing
}

/** The messages of two users, oldest first, kept up to date by the client's events. */
export class Thread extends Emitter<{ change: undefined }> {
  readonly otherUserId: number
  /** Counts changes: what a view compares to see whether there was one. */
  version = 0
  isLoaded = false
  /** Whether there are messages before the first one here. */
  hasOlder = false
  isLoadingOlder = false
  /** Why the last load failed. */
  error: string | undefined
  /** Whether they are online, and who has blocked whom, once it is known. */
  status: UserStatus | undefined
  readonly #client: ChatClient
  #unsubscribe: (() => void)[] = []
  readonly #messages = new Map<number, Message>()
  #sorted: Message[] | undefined
  #statusRequests = 0
  #readThrough = 0
  /** The last message that the other user is known to have read. */
  #otherReadThrough = 0

  constructor(client: ChatClient, otherUserId: number) {
    super()
    this.#client = client
    this.otherUserId = otherUserId
    this.#listen()
  }

  /** Sent messages in their order, then those that are not sent yet. */
  get items(): ThreadItem[] {
    const messages = this.#inOrder()
    const sent = new Set(messages.map(({ client_message_id }) => client_message_id))
    const outgoing = this.#client.outgoingTo(this.otherUserId)
    return [
      ...messages.map((message) => itemOf(message, this.#client.userId)),
      ...outgoing.filter((one) => !sent.has(one.client_message_id)).map(itemOfOutgoing),
    ]
  }

  get isTyping(): boolean {
    return this.#client.isTyping(this.otherUserId)
  }

  /** The other user, as far as their messages or their status show. */
  get other(): User | undefined {
    const theirs = this.#inOrder().findLast(({ sender_id }) => sender_id === this.otherUserId)
    return theirs?.sender ?? this.status?.other_user
  }

  /** Loads the newest page and joins it to what is here; a thread that was closed is open again. */
  async load(): Promise<void> {
    if (this.#unsubscribe.length === 0) this.#listen()
    try {
      const page = await this.#client.history(this.otherUserId, { limit: PAGE })
      this.#join(page)
      this.isLoaded = true
      this.error = undefined
    } catch (error) {
      this.error = reasonOf(error)
    }
    this.#changed()
    await this.#loadStatus()
  }

  /** Loads the page before the first message here. */
  async loadOlder(): Promise<void> {
    const [oldest] = this.#inOrder()
    if (!this.hasOlder || this.isLoadingOlder || oldest === undefined) return
    this.isLoadingOlder = true
    this.#changed()
    try {
      const beforeMessageId = oldest.message_id
      const page = await this.#client.history(this.otherUserId, { beforeMessageId, limit: PAGE })
      for (const message of page.messages) this.#put(message)
      this.hasOlder = page.has_more
      this.error = undefined
    } catch (error) {
      this.error = reasonOf(error)
    } finally {
      this.isLoadingOlder = false
      this.#changed()
    }
  }

  /** Marks every received message as read: call when the user can see them. */
  markRead(): void {
    const last = this.#inOrder().findLast(({ sender_id }) => sender_id === this.otherUserId)
    if (last === undefined || last.is_read || last.message_id <= this.#readThrough) return
    this.#readThrough = last.message_id
    // Retried when the page comes back, or the socket reconnects.
    this.#client.markRead(last).catch(() => {
      this.#readThrough = 0
    })
  }

  close(): void {
    for (const end of this.#unsubscribe) end()
    this.#unsubscribe = []
  }

  #listen(): void {
    const client = this.#client
    this.#unsubscribe = [
      client.on('message', (message) => this.#clientOnMessage(message)),
      client.on('sent', (message) => this.#clientOnMessage(message)),
      client.on('read', (receipt) => this.#clientOnRead(receipt)),
      client.on('outgoing', ({ receiver_id, status }) => {
        if (receiver_id !== this.otherUserId) return
        // Perhaps it failed because of a block.
        if (status === 'failed') this.#loadStatus()
        this.#changed()
      }),
      client.on('typing', ({ sender_id }) => sender_id === this.otherUserId && this.#changed()),
      client.on('presence', ({ user_id }) => user_id === this.otherUserId && this.#loadStatus()),
      client.on('blocked', ({ user_id }) => user_id === this.otherUserId && this.#loadStatus()),
      client.on('refetch', () => void this.load()),
      client.on('state', ({ status }) => {
        // A receipt may be lost with the socket.
        if (status !== 'online') this.#readThrough = 0
      }),
    ]
  }

  /** If more was missed than one page, what is here is older than a gap: the page replaces it. */
  #join(page: HistoryPage): void {
    const newestKnown = this.#inOrder().at(-1)?.message_id ?? 0
    const hasGap = page.has_more && (page.messages[0]?.message_id ?? 0) > newestKnown
    if (hasGap) this.#messages.clear()
    if (hasGap || !this.isLoaded) this.hasOlder = page.has_more
    for (const message of page.messages) this.#put(message)
  }

  /** Answers may overtake each other: that to the newest request counts. */
  async #loadStatus(): Promise<void> {
    this.#statusRequests += 1
    const request = this.#statusRequests
    try {
      const status = await this.#client.status(this.otherUserId)
      if (request !== this.#statusRequests) return
      this.status = status
      this.#changed()
    } catch {
      // A decoration: it is asked for again with the next change.
    }
  }

  #clientOnMessage(message: Message): void {
    const people = [message.sender_id, message.receiver_id]
    if (!people.includes(this.otherUserId)) return
    this.#put(message)
    this.#changed()
  }

  #clientOnRead({ read_by, conversation_id, message_id }: ReadReceipt): void {
    if (read_by === this.otherUserId) {
      this.#otherReadThrough = Math.max(message_id, this.#otherReadThrough)
    }
    for (const message of this.#messages.values()) {
      if (message.conversation_id !== conversation_id) return
      const isTheirs = message.receiver_id === read_by && message.message_id <= message_id
      if (isTheirs && !message.is_read) this.#put({ ...message, is_read: true })
    }
    this.#changed()
  }

  #put(message: Message): void {
    const known = this.#messages.get(message.message_id)
    // chat:read may overtake an answer with older state, or the answer to the send.
    const isTheirs = message.receiver_id === this.otherUserId
    const isRead = isTheirs && message.message_id <= this.#otherReadThrough
    const is_read = message.is_read || known?.is_read === true || isRead
    this.#messages.set(message.message_id, { ...message, is_read })
    this.#sorted = undefined
  }

  #inOrder(): Message[] {
    this.#sorted ??= [...this.#messages.values()].sort((a, b) => a.message_id - b.message_id)
    return this.#sorted
  }

  #changed(): void {
    this.version += 1
    this.emit('change', undefined)
  }
}

function itemOf(message: Message, userId: number): ThreadItem {
  return {
    key: message.client_message_id ?? String(message.message_id),
    isMine: message.sender_id === userId,
    type: message.message_type,
    text: message.message,
    status: message.is_read ? 'read' : 'sent',
    message,
  }
}

function itemOfOutgoing(outgoing: Outgoing): ThreadItem {
  return {
    key: outgoing.client_message_id,
    isMine: true,
    type: outgoing.message_type,
    text: outgoing.message,
    status: outgoing.status,
    outgoing,
  }
}
