import type { Chat } from '../chat/chat.ts'
import type { Profile } from '../chat/model.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import type { Connection } from './connection.ts'

/**
 * How long changes wait to be announced together. Each announcement is a write to every socket: of a
 * crowd of thousands that arrives at once, one by one would be the square of its size.
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
 * Who is online, as the connections table has it: a row for each socket. A user is announced as online
 * with the first row and as offline with the end of the last one, which stays for offlineDelayMs after
 * its socket has closed: the reload of a page is no change.
 *
 * Sockets do not depend on it: what cannot be written is logged, and the chat goes on.
 */
export class Presence {
  readonly #options: PresenceOptions
  /** The row of each socket; undefined where it could not be written. */
  readonly #rows = new Map<Connection, Promise<number | undefined>>()
  readonly #leaving = new Map<number, Leaving>()
  readonly #writes = new Set<Promise<unknown>>()
  /** What is not announced yet: whether a user has come online, or gone offline. */
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
   * Writes the row of a socket that has opened, with what its client says of its user. Resolves when it
   * is committed, or could not be.
   */
  async opened(connection: Connection, daemonId: number, profile: Partial<Profile>): Promise<void> {
    const { userId } = connection
    const row = this.#insertRow(connection, daemonId, profile)
    this.#rows.set(connection, row)
    const leaving = this.#leaving.get(userId)
    this.#leaving.delete(userId)
    clearTimeout(leaving?.timer)
    await row
    // Only now: without a row of its own in between, the user would go offline.
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

  /** Resolves when nothing is being written, and nothing will be. */
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

  /** The last change counts. One that is over is announced too: the API may have shown it. */
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

  /** Resolves with undefined when it could not be written. */
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
