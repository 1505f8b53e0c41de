import type { Profile } from '../chat/model.ts'
import { ChatError } from '../errors.ts'

/** What is known of whoever makes a request or opens a socket, once they have proved it. */
export interface Identity {
  userId: number
  /** The parts of the profile that the proof gives. */
  profile: Partial<Profile>
  /** When the proof ends, in ms since 1970; undefined when it does not say. */
  expiresAt?: number | undefined
  /** Asks once more, later, for the same credentials; undefined where a proof ends by itself. */
  verifyAgain?: () => Promise<Identity>
}

/** Whoever makes a request or opens a socket, and what they may do. */
export class Caller {
  /** Undefined under CHAT_AUTH=none, where callers are whoever they say they are. */
  readonly identity: Identity | undefined

  constructor(identity?: Identity) {
    this.identity = identity
  }

  /**
   * Returns `userId` if the caller may act as that user.
   *
   * @throws ChatError `forbidden` for anybody but themselves
   */
  mustBe(userId: number): number {
    if (this.identity === undefined || this.identity.userId === userId) return userId
    throw new ChatError('forbidden', `You are user ${this.identity.userId}, not ${userId}`)
  }

  /** @throws ChatError `forbidden` unless the caller is one of these users */
  mustBeOneOf(userIds: number[]): void {
    if (this.identity === undefined || userIds.includes(this.identity.userId)) return
    throw new ChatError('forbidden', 'You take no part in this conversation')
  }
}
