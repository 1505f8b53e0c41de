import type { Chat } from '../chat/chat.ts'
import type { Profile } from '../chat/model.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import type { Connection } from './connection.ts'

/**
 * Changes are announced in batches. Each announcement writes to every socket: thousands of users
 * who connect at once, announced one by one, would cost the square of their number.
 */
const ANNOUNCE_DELAY_MS = 100

interface Leaving {
  connection: Connection
  timer: NodeJS.Timeout
}

interface PresenceOptions extends Pick<Config, 'presence' | 'offlineDelayMs'> {
  connections: Chat['connections']
  log: Log
}

/**
 * Presence: who is online, with a row of the connections table for each socket. A user is announced
 * as online with the first row, and as offline when the last row is deleted, offlineDelayMs after
 * its socket has closed: the reload of a page is no change.
 *
 * Sockets do not depend on it: a failed write is logged, and the chat goes on.
 */
export class Presence {
  readonly #options: PresenceOptions
  /** The row of each socket; undefined when its write failed. */
  readonly #rows = new Map<Connection, Promise<number | undefined>>()
  readonly #leaving = new Map<number, Leaving>()
  readonly #writes = new Set<Promise<unknown>>()
  /** The changes to announce: whether each user is online. */
  #changes = new Map<number, boolean>()
  #announceTimer: NodeJS.Timeout | undefined
  /** A locked database fails every socket that opens or closes. */
  readonly #outage: Outage

  constructor(options: PresenceOptions) {
    this.#options = options
    this.#outage = new Outage(
      options.log,
      'The connections table could not be kept up to date',
      'The connections table is kept up to date again',
    )
  }

  /**
   * Inserts the row of a socket that has opened, and saves the profile. Resolves when that is
   * committed or has failed.
   */
  async opened(connection: Connection, daemonId: number, profile: Partial<Profile>): Promise<void> {
    const { userId } = connection
    const row = this.#insertRow(connection, daemonId, profile)
    this.#rows.set(connection, row)
    const leaving = this.#leaving.get(userId)
    this.#leaving.delete(userId)
    clearTimeout(leaving?.timer)
    await row
    // After the new row: without any row in between, the user would go offline.
    if (leaving !== undefined) void this.#deleteRow(leaving.connection, new Date())
  }

  /** @param isLast whether it was the last socket of its user */
  closed(connection: Connection, isLast: boolean): void {
    const closedAt = new Date()
    if (!isLast) return void this.#deleteRow(connection, closedAt)
    const leave = () => {
      this.#leaving.delete(connection.userId)
      void this.#deleteRow(connection, closedAt)
    }
    const timer = setTimeout(leave, this.#options.offlineDelayMs)
    this.#leaving.set(connection.userId, { connection, timer })
  }

  /** Stops writing; resolves when the last write has ended. Idempotent. */
  async stop(): Promise<void> {
    clearTimeout(this.#announceTimer)
    for (const { timer } of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
    while (this.#writes.size > 0) await Promise.all(this.#writes)
  }

  async #insertRow(
    { userId, address }: Connection,
    daemonId: number,
    profile: Partial<Profile>,
  ): Promise<number | undefined> {
    const { connections } = this.#options
    const row = await this.#written(connections.connect({ daemonId, userId, address, profile }))
    if (row?.isFirst) this.#changed(userId, true)
    return row?.connectionId
  }

  /** @param seenAt when the socket closed */
  async #deleteRow(connection: Connection, seenAt: Date): Promise<void> {
    const row = this.#rows.get(connection)
    this.#rows.delete(connection)
    const connectionId = await row
    if (connectionId === undefined) return
    const { userId } = connection
    const { connections } = this.#options
    const isLast = await this.#written(connections.disconnect({ connectionId, userId, seenAt }))
    if (isLast) this.#changed(userId, false)
  }

  /**
   * The last change of a user counts, even if it restores the state: the API may have shown both.
   */
  #changed(userId: number, isOnline: boolean): void {
    if (this.#options.presence === 'off') return
    this.#changes.set(userId, isOnline)
    this.#announceTimer ??= setTimeout(() => this.#announce(), ANNOUNCE_DELAY_MS)
  }

  #announce(): void {
    this.#announceTimer = undefined
    const changes = this.#changes
    this.#changes = new Map()
    void this.#written(this.#options.connections.announce(changes))
  }

  /** Resolves with undefined when the write has failed. */
  #written<Result>(write: Promise<Result>): Promise<Result | undefined> {
    const logged = write.then(
      (result) => {
        this.#outage.worked()
        return result
      },
      (error) => this.#outage.failed(error) as undefined,
    )
    const settled = logged.finally(() => this.#writes.delete(settled))
    this.#writes.add(settled)
    return settled
  }
}
