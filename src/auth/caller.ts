import type { Profile } from '../chat/model.ts'
import { ChatError } from '../errors.ts'

/** The authenticated user of a request or socket. */
export interface Identity {
  userId: number
  /** The parts of the profile that the credentials give. */
  profile: Partial<Profile>
  /** When the token expires, in ms since 1970; undefined when it does not say. */
  expiresAt?: number | undefined
  /** Verifies the same credentials again, later; undefined for a token, which expires by itself. */
  verifyAgain?: () => Promise<Identity>
}

/** The caller: the client of a request or socket, and the users that it may act as. */
export class Caller {
  /** Undefined under CHAT_AUTH=none, where a caller may act as any user. */
  readonly identity: Identity | undefined

  constructor(identity?: Identity) {
    this.identity = identity
  }

  /**
   * Returns `userId` if the caller may act as that user.
   *
   * @throws ChatError `forbidden` for any other user
   */
  assertActsAs(userId: number): number {
    if (this.identity === undefined || this.identity.userId === userId) return userId
    throw new ChatError('forbidden', `You are user ${this.identity.userId}, not ${userId}`)
  }

  /** @throws ChatError `forbidden` unless the caller may act as one of these users */
  assertActsAsOneOf(userIds: number[]): void {
    if (this.identity === undefined || userIds.includes(this.identity.userId)) return
    throw new ChatError('forbidden', 'You take no part in this conversation')
  }
}
