import type { ConnectionState } from './connection.ts'
import type { Outgoing } from './outbox.ts'
import type { Frame, Message, Presence, ReadReceipt, Typing } from './wire.ts'

/** What a client tells, and what its listeners are given. */
export interface ChatEvents {
  state: ConnectionState
  /** Somebody wrote; with CHAT_ECHO_TO_SENDER also the user, on another device. Each is told once. */
  message: Message
  /** The server has acknowledged a message that was sent from here. */
  sent: Message
  /** Something about an unsent message has changed, or it is unsent no more. */
  outgoing: Outgoing
  typing: Typing
  read: ReadReceipt
  presence: Presence
  /** The user has blocked somebody, or unblocked them, from here. */
  blocked: { user_id: number; is_blocked: boolean }
  /** What is shown may have gaps: load conversations and messages over HTTP. */
  refetch: undefined
  /** Any other event, such as the shop's own: 'order:shipped'. */
  event: Frame
}
