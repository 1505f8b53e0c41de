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
/** The default of `repairMs`. */
const REPAIR_MS = 1_000

interface Leaving {
  connection: Connection
  timer: NodeJS.Timeout
}

export interface PresenceOptions extends Pick<Config, 'presence' | 'offlineDelayMs'> {
  connections: Chat['connections']
  clock: Pick<Chat['clock'], 'now'>
  log: Log
  /** For the rows of its sockets; 0 while the daemon is not registered. */
  daemonId: () => number
  /** The time from a failed write to its repair, in ms. */
  repairMs?: number | undefined
}

/** The row of a socket. */
interface Row {
  insert: () => Promise<number | undefined>
  /** Undefined when the write failed. */
  id: Promise<number | undefined>
}

/**
 * Presence: who is online, with a row of the connections table for each socket. A user is announced
 * as online with the first row, and as offline when the last row is deleted, offlineDelayMs after
 * its socket has closed: the reload of a page is no change.
 *
 * Sockets do not depend on it: a failed write is logged, and the chat goes on. The table is repaired
 * once it can be written again.
 */
export class Presence {
  readonly #options: PresenceOptions
  readonly #rows = new Map<Connection, Row>()
  readonly #leaving = new Map<number, Leaving>()
  readonly #writes = new Set<Promise<unknown>>()
  /** The changes to announce: whether each user is online. */
  #changes = new Map<number, boolean>()
  #announceTimer: NodeJS.Timeout | undefined
  #repairTimer: NodeJS.Timeout | undefined
  #isStopped = false
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
  async opened(connection: Connection, profile: Partial<Profile>): Promise<void> {
    const { userId } = connection
    const insert = () => this.#insertRow(connection, profile)
    const row = { insert, id: insert() }
    this.#rows.set(connection, row)
    const leaving = this.#leaving.get(userId)
    this.#leaving.delete(userId)
    clearTimeout(leaving?.timer)
    await row.id
    // After the new row: without any row in between, the user would go offline.
    if (leaving !== undefined) void this.#deleteRow(leaving.connection, this.#now())
  }

  /** @param isLast whether it was the last socket of its user */
  closed(connection: Connection, isLast: boolean): void {
    const closedAt = this.#now()
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
    this.#isStopped = true
    clearTimeout(this.#announceTimer)
    clearTimeout(this.#repairTimer)
    for (const { timer } of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
    while (this.#writes.size > 0) await Promise.all(this.#writes)
  }

  #now(): Date {
    return this.#options.clock.now()
  }

  async #insertRow(
    { userId, address }: Connection,
    profile: Partial<Profile>,
  ): Promise<number | undefined> {
    const { connections, daemonId } = this.#options
    const socket = { daemonId: daemonId(), userId, address, profile }
    const row = await this.#written(connections.connect(socket))
    if (row?.isFirst) this.#changed(userId, true)
    return row?.connectionId
  }

  /** @param seenAt when the socket closed */
  async #deleteRow(connection: Connection, seenAt: Date): Promise<void> {
    const row = this.#rows.get(connection)
    this.#rows.delete(connection)
    const connectionId = await row?.id
    if (connectionId !== undefined) await this.#delete(connectionId, connection.userId, seenAt)
  }

  async #delete(connectionId: number, userId: number, seenAt: Date): Promise<void> {
    const { connections } = this.#options
    const isLast = await this.#written(connections.disconnect({ connectionId, userId, seenAt }))
    if (isLast) this.#changed(userId, false)
  }

  /** Inserts the rows that could not be inserted, and deletes those that could not be deleted. */
  async #repair(): Promise<void> {
    this.#repairTimer = undefined
    const listed = await this.#written(this.#options.connections.list())
    if (listed === undefined || this.#isStopped) return
    const ids = new Set<number | undefined>()
    for (const [connection, row] of [...this.#rows]) {
      if ((await row.id) === undefined && this.#rows.has(connection)) row.id = row.insert()
      ids.add(await row.id)
    }
    const daemonId = this.#options.daemonId()
    for (const row of listed) {
      const isLeft = row.daemonId === daemonId && !ids.has(row.connectionId)
      if (isLeft) await this.#delete(row.connectionId, row.userId, this.#now())
    }
  }

  /**
   * The last change of a user counts, even if it restores the state: the API may have shown both.
   */
  #changed(userId: number, isOnline: boolean): void {
    if (this.#options.presence === 'off') return
    this.#changes.set(userId, isOnline)
    this.#announceTimer ??= setTimeout(() => this.#announce(), ANNOUNCE_DELAY_MS)
  }

  async #announce(): Promise<void> {
    this.#announceTimer = undefined
    const changes = this.#changes
    this.#changes = new Map()
    const announced = this.#options.connections.announce(changes).then(() => true)
    if ((await this.#written(announced)) || this.#isStopped) return
    for (const [userId, isOnline] of changes) {
      if (!this.#changes.has(userId)) this.#changed(userId, isOnline)
    }
  }

  /** Resolves with undefined when the write has failed: then the table is repaired later. */
  #written<Result>(write: Promise<Result>): Promise<Result | undefined> {
    const logged = write.then(
      (result) => {
        this.#outage.worked()
        return result
      },
      (error) => this.#failed(error),
    )
    const settled = logged.finally(() => this.#writes.delete(settled))
    this.#writes.add(settled)
    return settled
  }

  #failed(error: unknown): undefined {
    this.#outage.failed(error)
    if (this.#isStopped) return
    const { repairMs = REPAIR_MS } = this.#options
    this.#repairTimer ??= setTimeout(() => this.#repair(), repairMs)
  }
}
