import type { Fetch } from './api.ts'
import type { BackoffOptions } from './backoff.ts'
import type { SocketConstructor } from './connection.ts'
import type { ClientStorage } from './storage.ts'

export interface ChatClientOptions {
  userId: number
  /** Shown to those the user writes to. */
  username?: string
  name?: string
  /** Where chat-api answers; '' (the default) for the page's own address. */
  apiUrl?: string
  /** Where chat-websocket listens: 'ws://localhost:8089'. */
  websocketUrl: string
  /** The token of CHAT_AUTH=jwt; called for each request and socket, so that it may be renewed. */
  token?: () => string | Promise<string>
  /** Whether cookies go along to another origin (CHAT_AUTH=callback). */
  withCredentials?: boolean
  /** The last message that the application has stored, if any: recovery replays those after it. */
  lastMessageId?: number
  /** Where unsent messages are kept; IndexedDB in browsers, else memory. */
  storage?: ClientStorage
  /** Needed below Node 22: that of the package `ws`. */
  WebSocket?: SocketConstructor
  fetch?: Fetch
  backoff?: Partial<BackoffOptions>
  /** A socket that has been silent for this long is pinged, in ms (25,000). */
  pingAfterMs?: number
  /** One that stays silent after that for this long is closed, in ms (10,000). */
  silenceMs?: number
}
