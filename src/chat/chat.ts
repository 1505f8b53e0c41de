import type { Clock } from './clock.ts'
import type { Store } from './store.ts'
import type { Wire } from './wire.ts'

/** The chat, as http/ and websocket/ call it: a store, its clock, and the JSON for clients. */
export interface Chat extends Store {
  readonly clock: Clock
  readonly wire: Wire
}

export interface ChatOptions {
  /** Prefix of media and profile URLs, with no slash at its end. */
  publicUrl: string
  /** IANA name of the time zone that times are shown in. */
  timezone: string
  /** Characters. */
  messageLengthMax: number
  /** Whether a message is also sent to the sender's own devices. */
  echoesToSender: boolean
  /** Where messages are pushed from (CHAT_WEBHOOK_URL); '': messages get no row for it. */
  webhookUrl: string
  /** How long a message waits at least until it is pushed. */
  webhookDelayMs: number
  now?: () => Date
}
