import type { ChatClient } from './chat-client.ts'
import { Emitter } from './emitter.ts'
import { reasonOf } from './reason.ts'
import type { Conversation, Message, ReadReceipt } from './wire.ts'

const PAGE = 50

/** A user's conversations, the newest first, kept up to date by the client's events. */
export class Inbox extends Emitter<{ change: undefined }> {
  /** Counts changes: what a view compares to see whether there was one. */
  version = 0
  isLoaded = false
  hasMore = false
  /** Why the last load failed. */
  error: string | undefined
  readonly #client: ChatClient
  readonly #unsubscribe: (() => void)[]
  #conversations: Conversation[] = []
  /** What came while a list was on its way, to be added to it. */
  #meanwhile: Message[] = []
  /**
   * Messages through which conversations have been read, and nothing came since, by conversation.
   */
  readonly #readThrough = new Map<number, number>()
  #loading: Promise<void> | undefined
  /** The newest message that the list knew of when it was loaded. */
  #loadedThrough = 0

  constructor(client: ChatClient) {
    super()
    this.#client = client
    const load = () => void this.load()
    const reload = () => {
      this.#readThrough.clear()
      load()
    }
    this.#unsubscribe = [
      client.on('message', (message) => this.#clientOnMessage(message)),
      client.on('sent', (message) => this.#clientOnMessage(message)),
      client.on('read', (receipt) => this.#clientOnRead(receipt)),
      client.on('refetch', reload),
      client.on('blocked', load),
      client.on('presence', ({ user_id, status }) =>
        this.#update(user_id, { is_online: status === 'online' }),
      ),
    ]
  }

  get conversations(): readonly Conversation[] {
    return this.#conversations
  }

  get unreadCount(): number {
    return this.#conversations.reduce((sum, { unread_count }) => sum + unread_count, 0)
  }

  with(otherUserId: number): Conversation | undefined {
    return this.#conversations.find(({ other_user_id }) => other_user_id === otherUserId)
  }

  /** Loads the list anew; what it says replaces what was known. */
  async load(): Promise<void> {
    // Whatever is asked while one load runs is answered by one that starts after it.
    const before = this.#loading
    const load = (before ?? Promise.resolve()).then(() => this.#load())
    this.#loading = load
    await load
    if (this.#loading === load) this.#loading = undefined
  }

  async loadMore(): Promise<void> {
    if (!this.hasMore) return
    const offset = this.#conversations.length
    const page = await this.#client.conversations({ limit: PAGE, offset })
    const known = new Set(this.#conversations.map(({ other_user_id }) => other_user_id))
    this.hasMore = page.has_more
    this.#change([
      ...this.#conversations,
      ...page.conversations.filter(({ other_user_id }) => !known.has(other_user_id)),
    ])
  }

  close(): void {
    for (const end of this.#unsubscribe) end()
  }

  async #load(): Promise<void> {
    this.#meanwhile = []
    try {
      const page = await this.#client.conversations({ limit: PAGE })
      this.error = undefined
      this.isLoaded = true
      this.hasMore = page.has_more
      this.#loadedThrough = page.conversations[0]?.last_message.message_id ?? 0
      this.#change(page.conversations.map((one) => this.#withOwnReading(one)))
      for (const message of this.#meanwhile) this.#add(message)
    } catch (error) {
      this.error = reasonOf(error)
      this.#change(this.#conversations)
    }
  }

  /** The list may have been made before what was read meanwhile was written down. */
  #withOwnReading(one: Conversation): Conversation {
    const messageId = this.#readThrough.get(one.conversation_id)
    const isRead = messageId !== undefined && this.#isAllRead(one, messageId)
    return isRead ? { ...one, unread_count: 0 } : one
  }

  #isAllRead({ last_message }: Conversation, messageId: number): boolean {
    return messageId >= last_message.message_id || last_message.sender_id === this.#client.userId
  }

  #clientOnMessage(message: Message): void {
    if (this.#loading !== undefined) this.#meanwhile.push(message)
    this.#add(message)
  }

  #add(message: Message): void {
    // The list may have counted a message before the socket receives it.
    if (message.message_id <= this.#loadedThrough) return
    const isIncoming = message.sender_id !== this.#client.userId
    const known = this.with(isIncoming ? message.sender_id : message.receiver_id)
    // A first message comes without what the list knows of the other one.
    if (known === undefined) return void this.load()
    if (isIncoming) this.#readThrough.delete(message.conversation_id)
    const isLast = message.message_id > known.last_message.message_id
    const changed: Conversation = {
      ...known,
      ...(isIncoming ? { other_user: message.sender } : {}),
      ...(isLast ? { last_message: message } : {}),
      unread_count: known.unread_count + (isIncoming ? 1 : 0),
    }
    const others = this.#conversations.filter((one) => one !== known)
    const newestFirst = (a: Conversation, b: Conversation) =>
      b.last_message.message_id - a.last_message.message_id
    this.#change([changed, ...others].sort(newestFirst))
  }

  #clientOnRead({ read_by, conversation_id, message_id }: ReadReceipt): void {
    if (read_by !== this.#client.userId) return
    this.#readThrough.set(conversation_id, message_id)
    const known = this.#conversations.find((one) => one.conversation_id === conversation_id)
    if (known === undefined || known.unread_count === 0) return
    // Read on another device, and only in part: how much is left, only the server knows.
    if (!this.#isAllRead(known, message_id)) return void this.load()
    this.#update(known.other_user_id, { unread_count: 0 })
  }

  #update(otherUserId: number, change: Partial<Conversation>): void {
    if (this.with(otherUserId) === undefined) return
    this.#change(
      this.#conversations.map((one) =>
        one.other_user_id === otherUserId ? { ...one, ...change } : one,
      ),
    )
  }

  #change(conversations: Conversation[]): void {
    this.#conversations = conversations
    this.version += 1
    this.emit('change', undefined)
  }
}
