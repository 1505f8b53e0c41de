import { Api, ApiError } from './api.ts'
import { Connection, type ConnectionState, type ConnectionStatus, isHello } from './connection.ts'
import { Cursor } from './cursor.ts'
import { Emitter } from './emitter.ts'
import type { ChatEvents } from './events.ts'
import { urlBelow } from './media-url.ts'
import type { ChatClientOptions } from './options.ts'
import { type Draft, Outbox, type Outgoing } from './outbox.ts'
import { type ClientStorage, defaultStorage } from './storage.ts'
import { OthersTyping, OwnTyping } from './typing.ts'
import type {
  Conversation,
  Frame,
  Message,
  Presence,
  ReadReceipt,
  Typing,
  User,
  UserStatus,
} from './wire.ts'

// What the package exports as chat-websocket/client.
export { Inbox } from './inbox.ts'
export { BrowserStorage, MemoryStorage } from './storage.ts'
export { Thread, type ThreadItem } from './thread.ts'
export { whoAmI } from './who-am-i.ts'
export type {
  ChatClientOptions,
  ChatEvents,
  ClientStorage,
  ConnectionState,
  ConnectionStatus,
  Conversation,
  Frame,
  Message,
  Outgoing,
  Presence,
  ReadReceipt,
  Typing,
  User,
  UserStatus,
}
export { ApiError }

export interface HistoryPage {
  /** Oldest first. */
  messages: Message[]
  conversation_id: number | null
  has_more: boolean
}

/**
 * One user's chat: a socket that reconnects with recovery, an outbox with idempotent retries, and
 * the HTTP endpoints.
 *
 *     const chat = new ChatClient({ userId: 1928800, websocketUrl: 'ws://localhost:8089' })
 *     chat.on('message', (message) => show(message))
 *     chat.connect()
 *     chat.sendText(1928798, 'Hello, how are you?')
 */
export class ChatClient extends Emitter<ChatEvents> {
  readonly userId: number
  readonly #options: ChatClientOptions
  readonly #apiUrl: string
  readonly #api: Api
  readonly #connection: Connection
  readonly #cursor: Cursor
  readonly #outbox: Outbox
  readonly #ownTyping: OwnTyping
  readonly #othersTyping: OthersTyping

  constructor(options: ChatClientOptions) {
    super()
    const { userId, apiUrl = '', backoff = {}, storage = defaultStorage() } = options
    this.userId = userId
    this.#options = options
    this.#apiUrl = apiUrl.replace(/\/+$/, '')
    this.#cursor = new Cursor(options.lastMessageId)
    this.#api = new Api({
      url: this.#apiUrl,
      // A browser's fetch insists on being called as a function of the window.
      fetch: options.fetch ?? ((...call) => globalThis.fetch(...call)),
      token: options.token,
      withCredentials: options.withCredentials ?? false,
    })
    this.#connection = new Connection({
      socketConstructor: options.WebSocket ?? globalThis.WebSocket,
      address: () => this.#address(),
      backoff,
      pingAfterMs: options.pingAfterMs ?? 25_000,
      silenceMs: options.silenceMs ?? 10_000,
    })
    this.#connection.on('state', (state) => this.#connectionOnState(state))
    this.#connection.on('frame', (frame) => this.#connectionOnFrame(frame))
    this.#outbox = new Outbox({
      api: this.#api,
      storage,
      userId,
      backoff,
      onChange: (outgoing) => this.emit('outgoing', outgoing),
      onSent: (message) => this.emit('sent', message),
    })
    this.#ownTyping = new OwnTyping((receiverId, isTyping) => {
      const data = { receiver_id: receiverId, is_typing: isTyping }
      this.#connection.send({ event: 'chat:typing', data })
    })
    this.#othersTyping = new OthersTyping((senderId, isTyping) =>
      this.emit('typing', { sender_id: senderId, is_typing: isTyping }),
    )
  }

  get state(): ConnectionState {
    return this.#connection.state
  }

  /** The last message received over the socket, for ChatClientOptions.lastMessageId. */
  get lastMessageId(): number | undefined {
    return this.#cursor.value
  }

  /** Connects, stays connected, and sends what was left unsent. */
  connect(): void {
    this.#connection.connect()
    // A storage that cannot be read has no unsent messages.
    this.#outbox.start().catch(() => {})
  }

  /** Closes the socket and stops sending. The next client sends what is unsent. */
  disconnect(): void {
    this.#ownTyping.stopAll()
    this.#outbox.stop()
    this.#connection.disconnect()
    this.#othersTyping.forgetAll()
  }

  /**
   * As `disconnect`, and deletes unsent messages from this browser. Resolves when they are deleted;
   * the application ends its own session.
   */
  async signOut(): Promise<void> {
    this.disconnect()
    await this.#outbox.clear()
  }

  /** Call when the network or the page comes back: ends every backoff. */
  wake(): void {
    this.#connection.wake()
    this.#outbox.wake()
  }

  /** Resolves once the message is stored: it will be sent; `outgoing` and `sent` report it. */
  sendText(receiverId: number, text: string): Promise<Outgoing> {
    return this.#send({ receiver_id: receiverId, message_type: 'text', message: text })
  }

  sendImage(receiverId: number, file: Blob, caption = ''): Promise<Outgoing> {
    return this.#send({
      receiver_id: receiverId,
      message_type: 'image',
      message: caption,
      file,
    })
  }

  /** @param duration in seconds */
  sendVoice(receiverId: number, file: Blob, duration?: number): Promise<Outgoing> {
    return this.#send({
      receiver_id: receiverId,
      message_type: 'voice',
      message: '',
      file,
      ...(duration === undefined ? {} : { duration }),
    })
  }

  /** The unsent messages to one user, oldest first. */
  outgoingTo(receiverId: number): readonly Outgoing[] {
    return this.#outbox.to(receiverId)
  }

  /** The number of all unsent messages: `signOut` deletes them. */
  get unsentCount(): number {
    return this.#outbox.size
  }

  /** Sends a failed message again. */
  retry(clientMessageId: string): void {
    this.#outbox.retry(clientMessageId)
  }

  /** Deletes an unsent message. */
  discard(clientMessageId: string): void {
    this.#outbox.discard(clientMessageId)
  }

  /** Call on each keystroke: sends chat:typing within the limits, and again when typing ends. */
  typing(receiverId: number): void {
    this.#ownTyping.keyPressed(receiverId)
  }

  isTyping(senderId: number): boolean {
    return this.#othersTyping.isTyping(senderId)
  }

  /** Marks a received message, and all before it, as read. */
  async markRead({ message_id, conversation_id }: Message): Promise<void> {
    const frame = { event: 'chat:read', data: { message_id } }
    if (!this.#connection.send(frame)) {
      await this.#call('/mark_as_read.php', { message_id })
    }
    // The server sends the event to the user's other devices, not to this one.
    const read_at = new Date().toISOString().slice(0, 19).replace('T', ' ')
    this.emit('read', { message_id, conversation_id, read_by: this.userId, read_at })
  }

  /** The newest first. */
  async conversations(
    page: { limit?: number; offset?: number } = {},
  ): Promise<{ conversations: Conversation[]; has_more: boolean }> {
    const found = await this.#call<{ conversations: Conversation[]; has_more: boolean }>(
      '/get_conversations.php',
      page,
    )
    const newest = found.conversations[0]?.last_message.message_id ?? 0
    if (!page.offset && this.#connection.isOnline) this.#cursor.startAt(newest)
    return found
  }

  /** A page of the messages of two users, the newest or the one before a message. */
  history(
    otherUserId: number,
    page: { beforeMessageId?: number; limit?: number } = {},
  ): Promise<HistoryPage> {
    const { beforeMessageId: before_message_id, limit } = page
    const parameters = { other_user_id: otherUserId, limit, before_message_id }
    return this.#call('/get_conversation_messages.php', parameters)
  }

  /** Whether they are online, and who has blocked whom. */
  status(otherUserId: number): Promise<UserStatus> {
    return this.#call('/get_chat_user_status.php', { blocked_user_id: otherUserId })
  }

  async block(otherUserId: number): Promise<void> {
    await this.#setBlocked(otherUserId, true)
  }

  async unblock(otherUserId: number): Promise<void> {
    await this.#setBlocked(otherUserId, false)
  }

  /** The URL of a message's file, for `src`. */
  mediaUrl({ media_url = '' }: Message): string {
    return urlBelow(this.#apiUrl, media_url) ?? media_url
  }

  /** The file of a message, where an <img> cannot fetch it: CHAT_MEDIA_AUTH with tokens. */
  media(message: Message): Promise<Blob> {
    return this.#api.media(this.mediaUrl(message))
  }

  #send(draft: Draft): Promise<Outgoing> {
    this.#ownTyping.stop(draft.receiver_id)
    return this.#outbox.add(draft)
  }

  async #setBlocked(otherUserId: number, isBlocked: boolean): Promise<void> {
    const action = isBlocked ? 'block' : 'unblock'
    await this.#call('/block_unblock_user.php', { blocked_user_id: otherUserId, action })
    this.emit('blocked', { user_id: otherUserId, is_blocked: isBlocked })
  }

  #call<Data>(path: string, parameters: object): Promise<Data> {
    return this.#api.call(path, { user_id: this.userId, ...parameters })
  }

  async #address(): Promise<{ url: string; protocols: string[] }> {
    const { websocketUrl, username, name, token } = this.#options
    const url = new URL(websocketUrl)
    const last = this.#cursor.value
    const parameters = { user_id: this.userId, username, name, last_message_id: last }
    for (const [key, value] of Object.entries(parameters)) {
      if (value !== undefined && value !== '') url.searchParams.set(key, String(value))
    }
    return { url: url.href, protocols: token ? ['chat', `bearer.${await token()}`] : [] }
  }

  #connectionOnState(state: ConnectionState): void {
    if (state.status === 'online') this.#outbox.wake()
    else this.#othersTyping.forgetAll()
    this.emit('state', state)
  }

  #connectionOnFrame(frame: Frame): void {
    if (isHello(frame)) {
      if (frame.data.recovered === true) return
      this.#cursor.forget()
      this.emit('refetch', undefined)
    } else if (frame.event === 'chat:message') {
      this.#received(frame.data as Message)
    } else if (frame.event === 'chat:typing') {
      const { sender_id, is_typing } = frame.data as Typing
      this.#othersTyping.heard(sender_id, is_typing)
    } else if (frame.event === 'chat:read') {
      this.emit('read', frame.data as ReadReceipt)
    } else if (frame.event === 'chat:user_status') {
      this.emit('presence', frame.data as Presence)
    } else {
      this.emit('event', frame)
    }
  }

  #received(message: Message): void {
    if (!this.#cursor.see(message.message_id)) return
    this.#othersTyping.heard(message.sender_id, false)
    this.emit('message', message)
  }
}
