import type { Audit } from '../auth/audit.ts'
import type { Chat } from '../chat/chat.ts'
import type { PendingEvent } from '../chat/model.ts'
import { DISCONNECT_EVENT } from '../chat/rules.ts'
import type { Config } from '../config/config.ts'
import type { Connection } from './connection.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'
import { eventFrame, type Frame } from './frame.ts'
import type { Hub } from './hub.ts'
import { Outgoing } from './outgoing.ts'
import type { Undelivered } from './undelivered.ts'

/** Milliseconds of audience lookups in one turn of the event loop. */
const LOOKUPS_IN_ONE_TURN_MS = 5

/** The receivers of an event: these users only, or all but these. */
type Audience = { only: Iterable<number> } | { except: ReadonlySet<number> }

const EVERY_USER: Audience = { except: new Set() }

interface BroadcasterOptions {
  hub: Hub
  chat: Pick<Chat, 'blocks' | 'conversations'>
  undelivered: Undelivered
  metrics: DaemonMetrics
  audit: Audit
  /** Who receives chat:user_status. */
  presence: Config['presence']
}

/** Broadcasts the events of each poll to the sockets of their receivers. */
export class Broadcaster {
  readonly #options: BroadcasterOptions

  constructor(options: BroadcasterOptions) {
    this.#options = options
  }

  /**
   * Resolves when every event is written to its sockets, or held for those in recovery. Rejects
   * before anything is written when an audience cannot be read.
   *
   * @param events in their order
   */
  async broadcast(events: PendingEvent[]): Promise<void> {
    const { hub } = this.#options
    const statusAudiences = await this.#statusAudiencesOf(events)
    let outgoing = new Outgoing()
    for (const event of events) {
      const isSignOut = event.event === DISCONNECT_EVENT
      if (!isSignOut) this.#add(event, audienceOf(event, statusAudiences), outgoing)
      if (!isSignOut && !outgoing.isFull) continue
      // Events before a sign-out are sent before the socket closes.
      await outgoing.write(hub)
      outgoing = new Outgoing()
      if (isSignOut) this.#signOut(event)
      else await new Promise(setImmediate)
    }
    await outgoing.write(hub)
  }

  /** The audience of each user whose presence is to be sent to others. */
  async #statusAudiencesOf(events: PendingEvent[]): Promise<Map<number, Audience>> {
    const audiences = new Map<number, Audience>()
    let startedAt = performance.now()
    for (const { userId, subjectUserId } of events) {
      if (userId !== null || subjectUserId === null || audiences.has(subjectUserId)) continue
      audiences.set(subjectUserId, await this.#statusAudienceOf(subjectUserId))
      if (performance.now() - startedAt < LOOKUPS_IN_ONE_TURN_MS) continue
      await new Promise(setImmediate)
      startedAt = performance.now()
    }
    return audiences
  }

  /** The receivers of a user's presence: not the user, and no user on either side of a block. */
  async #statusAudienceOf(subjectUserId: number): Promise<Audience> {
    const { hub, chat, presence } = this.#options
    // Other daemons of this store may announce all the same.
    if (presence === 'off') return { only: [] }
    const hidden = await chat.blocks.hiddenFrom(subjectUserId, hub.users)
    if (presence === 'all') return { except: hidden.add(subjectUserId) }
    const contacts = await chat.conversations.contactsOf(subjectUserId, hub.users)
    return { only: contacts.filter((userId) => !hidden.has(userId)) }
  }

  #add(event: PendingEvent, audience: Audience, outgoing: Outgoing): void {
    const { undelivered, metrics } = this.#options
    const isDelivered =
      'only' in audience
        ? this.#addFor(audience.only, event, outgoing)
        : this.#addForAllBut(audience.except, event, outgoing)
    if (isDelivered) metrics.deliveredCount += 1
    undelivered.add(event, isDelivered)
  }

  /**
   * Returns whether any of these users has a socket. The frame is made once, on the first socket.
   */
  #addFor(userIds: Iterable<number>, event: PendingEvent, outgoing: Outgoing): boolean {
    let frame: Frame | undefined
    for (const userId of userIds) {
      for (const connection of this.#options.hub.of(userId)) {
        frame ??= eventFrame(event.event, event.data)
        if (connection.offer(event.messageId, frame)) outgoing.add(connection, frame)
      }
    }
    return frame !== undefined
  }

  #addForAllBut(except: ReadonlySet<number>, event: PendingEvent, outgoing: Outgoing): boolean {
    const { hub } = this.#options
    const isOnline = (userId: number) => hub.of(userId).size > 0
    if ([...except].filter(isOnline).length === hub.userCount) return false
    const frame = eventFrame(event.event, event.data)
    for (const connection of hub.recovering) {
      if (!except.has(connection.userId)) connection.offer(event.messageId, frame)
    }
    outgoing.addForAll(frame, this.#liveOf(except))
    return true
  }

  *#liveOf(userIds: Iterable<number>): Iterable<Connection> {
    for (const userId of userIds) {
      for (const connection of this.#options.hub.of(userId)) {
        if (!connection.isRecovering) yield connection
      }
    }
  }

  #signOut({ userId }: PendingEvent): void {
    const { hub, audit } = this.#options
    for (const connection of [...(userId === null ? hub.all() : hub.of(userId))]) {
      connection.signOut()
      audit.note('disconnected', connection.address, `user ${connection.userId}, signed out`)
    }
  }
}

function audienceOf(
  { userId, subjectUserId }: PendingEvent,
  statusAudiences: ReadonlyMap<number, Audience>,
): Audience {
  if (userId !== null) return { only: [userId] }
  if (subjectUserId === null) return EVERY_USER
  return statusAudiences.get(subjectUserId) as Audience
}
