import type { ConnectionState } from './connection.ts'
import type { Outgoing } from './outbox.ts'
import type { Frame, Message, Presence, ReadReceipt, Typing } from './wire.ts'

/** The events of a client, with the payloads of their listeners. */
export interface ChatEvents {
  state: ConnectionState
  /**
   * A message was received; with CHAT_ECHO_TO_SENDER also from the user's other devices. Once each.
   */
  message: Message
  /** The server has acknowledged a message that was sent from here. */
  sent: Message
  /** Something about an unsent message has changed, or it is unsent no more. */
  outgoing: Outgoing
  typing: Typing
  read: ReadReceipt
  presence: Presence
  /** The user has blocked or unblocked another one with this client. */
  blocked: { user_id: number; is_blocked: boolean }
  /** What is shown may have gaps: load conversations and messages over HTTP. */
  refetch: undefined
  /** Any other event, such as the shop's own: 'order:shipped'. */
  event: Frame
}
