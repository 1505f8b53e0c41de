import type { Chat } from '../chat/chat.ts'
import type { Presence as Audience } from '../config.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'
import { eventFrame } from './frame.ts'
import { FrameBatch } from './frame-batch.ts'
import type { Hub } from './hub.ts'

/** Changes are gathered for this long: a thousand people who arrive together are told of as one. */
const GATHER_MS = 50
/** Bytes written in one go; then the other sockets have their turn. */
const BYTES_IN_ONE_GO = 2 * 1024 * 1024

export interface PresenceOptions {
  hub: Hub
  chat: Chat
  log: Log
  /** Who hears of changes. */
  audience: Audience
  /** How long after the last socket a user counts as online, in ms. */
  offlineDelayMs: number
  /** Called when a user has gone, with the last connection and when it closed. */
  onOffline: (lastConnection: Connection, seenAt: Date) => void
}

/**
 * Who is online. A user is `online` from the first socket on, `leaving` for offlineDelayMs after the
 * last one has closed, so that the reload of a page tells nobody anything, and then `offline`.
 * Coming online and going offline are told as chat:user_status.
 */
export class Presence {
  readonly #options: PresenceOptions
  readonly #leaving = new Map<number, { connection: Connection; timer: NodeJS.Timeout }>()
  /** Who was told to be online. */
  readonly #told = new Set<number>()
  #changes = new Map<number, boolean>()
  #gathering: NodeJS.Timeout | undefined
  #telling: Promise<void> = Promise.resolve()

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /**
   * Call when a connection has come into the hub. Returns, if its user was `leaving`, the connection
   * that closed last.
   */
  opened({ userId }: Connection): Connection | undefined {
    const leaving = this.#leaving.get(userId)
    if (leaving === undefined) {
      if (this.#options.hub.of(userId).size === 1) this.#change(userId, true)
      return undefined
    }
    clearTimeout(leaving.timer)
    this.#leaving.delete(userId)
    return leaving.connection
  }

  /** Call when the last connection of a user has left the hub. */
  closedLast(connection: Connection): void {
    const seenAt = new Date()
    const leave = () => {
      this.#leaving.delete(connection.userId)
      this.#change(connection.userId, false)
      this.#options.onOffline(connection, seenAt)
    }
    const timer = setTimeout(leave, this.#options.offlineDelayMs)
    this.#leaving.set(connection.userId, { connection, timer })
  }

  /** Tells nobody anything any more; resolves when what was being told is told. */
  async stop(): Promise<void> {
    clearTimeout(this.#gathering)
    for (const { timer } of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
    await this.#telling
  }

  #change(userId: number, isOnline: boolean): void {
    if (this.#options.audience === 'off') return
    this.#changes.set(userId, isOnline)
    this.#gathering ??= setTimeout(() => this.#tellChanges(), GATHER_MS)
  }

  #tellChanges(): void {
    this.#gathering = undefined
    const changes = this.#changes
    this.#changes = new Map()
    // One after the other: somebody who comes and goes again is told of in that order.
    this.#telling = this.#telling
      .then(() => this.#tell(changes))
      .catch((error) => this.#options.log.error('Presence could not be told', error))
  }

  async #tell(changes: Map<number, boolean>): Promise<void> {
    const { audience, chat } = this.#options
    const batch = new FrameBatch()
    for (const [userId, isOnline] of changes) {
      if (this.#told.has(userId) === isOnline) continue
      if (isOnline) this.#told.add(userId)
      else this.#told.delete(userId)
      const status = JSON.stringify(chat.contract.userStatus(userId, isOnline))
      batch.add(userId, eventFrame('chat:user_status', status))
    }
    if (batch.size === 0) return
    const hidden = await chat.blocks.hiddenFrom(batch.keys())
    if (audience === 'all') await this.#tellEverybody(batch, hidden)
    else await this.#tellContacts(batch, hidden)
  }

  /** Everybody gets all of it in one piece, but for themselves and whom they must not see. */
  async #tellEverybody(batch: FrameBatch, hidden: Map<number, Set<number>>): Promise<void> {
    const unseen = transposed(hidden)
    let bytes = 0
    for (const connection of [...this.#options.hub.all()]) {
      const except = [connection.userId, ...(unseen.get(connection.userId) ?? [])]
      for (const piece of batch.without(except)) connection.send(piece)
      bytes += batch.bytes
      if (bytes < BYTES_IN_ONE_GO) continue
      bytes = 0
      await new Promise(setImmediate)
    }
  }

  async #tellContacts(batch: FrameBatch, hidden: Map<number, Set<number>>): Promise<void> {
    const { chat, hub } = this.#options
    for (const userId of batch.keys()) {
      const frame = batch.get(userId)
      for (const contactId of await chat.conversations.contactsOf(userId)) {
        if (hidden.get(userId)?.has(contactId)) continue
        for (const connection of hub.of(contactId)) connection.send(frame)
      }
      await new Promise(setImmediate)
    }
  }
}

/** From "who must not see this user" to "whom this user must not see". */
function transposed(hidden: Map<number, Set<number>>): Map<number, number[]> {
  const unseen = new Map<number, number[]>()
  for (const [userId, readers] of hidden) {
    for (const reader of readers) unseen.set(reader, [...(unseen.get(reader) ?? []), userId])
  }
  return unseen
}
