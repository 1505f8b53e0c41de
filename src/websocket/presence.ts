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
/** Blocks looked up in one go, in ms. */
const MS_IN_ONE_GO = 5

export interface PresenceOptions {
  hub: Hub
  chat: Chat
  log: Log
  /** Who hears of changes. */
  audience: Audience
  /** How long after the last socket a user counts as online, in ms. */
  offlineDelayMs: number
  /** Resolves when it is written down, or could not be, who has come and gone by now. */
  recorded: () => Promise<unknown>
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
    const { audience, chat, recorded } = this.#options
    // Whoever is told and then asks the API is to be answered the same.
    await recorded()
    const batch = new FrameBatch()
    for (const [userId, isOnline] of changes) {
      if (this.#told.has(userId) === isOnline) continue
      if (isOnline) this.#told.add(userId)
      else this.#told.delete(userId)
      const status = JSON.stringify(chat.wire.userStatus(userId, isOnline))
      batch.add(userId, eventFrame('chat:user_status', status))
    }
    if (batch.size === 0) return
    if (audience === 'all') await this.#tellEverybody(batch)
    else await this.#tellContacts(batch)
  }

  /** Everybody gets all of it in one piece, but for themselves and whom they must not see. */
  async #tellEverybody(batch: FrameBatch): Promise<void> {
    // Before blocks are looked up: nobody is told of whom it was not asked whether they may see them.
    const connections = [...this.#options.hub.all()]
    const unseen = await this.#unseen(batch.keys())
    let bytes = 0
    for (const connection of connections) {
      const except = [connection.userId, ...(unseen.get(connection.userId) ?? [])]
      for (const piece of batch.without(except)) connection.send(piece)
      bytes += batch.bytes
      if (bytes < BYTES_IN_ONE_GO) continue
      bytes = 0
      await new Promise(setImmediate)
    }
  }

  /** Of these users, whom each of those online must not see. */
  async #unseen(userIds: Iterable<number>): Promise<Map<number, number[]>> {
    const { chat, hub } = this.#options
    const unseen = new Map<number, number[]>()
    let startedAt = performance.now()
    for (const userId of userIds) {
      for (const otherId of await chat.blocks.hiddenFrom(userId, hub.users)) {
        const others = unseen.get(otherId)
        if (others === undefined) unseen.set(otherId, [userId])
        else others.push(userId)
      }
      if (performance.now() - startedAt < MS_IN_ONE_GO) continue
      await new Promise(setImmediate)
      startedAt = performance.now()
    }
    return unseen
  }

  async #tellContacts(batch: FrameBatch): Promise<void> {
    const { chat, hub } = this.#options
    for (const userId of batch.keys()) {
      const frame = batch.get(userId)
      const hidden = await chat.blocks.hiddenFrom(userId, hub.users)
      for (const contactId of await chat.conversations.contactsOf(userId, hub.users)) {
        if (hidden.has(contactId)) continue
        for (const connection of hub.of(contactId)) connection.send(frame)
      }
      await new Promise(setImmediate)
    }
  }
}
