import type { PendingEvent } from '../chat/model.ts'
import { addressKey } from '../rate-limits.ts'
import type { Close, Connection } from './connection.ts'
import { eventFrame, type Frame } from './frame.ts'

/** Who is connected: every socket, by user. */
export class Hub {
  readonly #byUser = new Map<number, Set<Connection>>()
  readonly #countByAddress = new Map<string, number>()
  #connectionCount = 0

  get userCount(): number {
    return this.#byUser.size
  }

  get connectionCount(): number {
    return this.#connectionCount
  }

  /** Every user who has a socket. */
  get users(): ReadonlyMap<number, ReadonlySet<Connection>> {
    return this.#byUser
  }

  /** The sockets of one user. */
  of(userId: number): ReadonlySet<Connection> {
    return this.#byUser.get(userId) ?? NONE
  }

  /** How many sockets this address has; an IPv6 address counts with its network. */
  countFrom(address: string): number {
    return this.#countByAddress.get(addressKey(address)) ?? 0
  }

  *all(): Iterable<Connection> {
    for (const connections of this.#byUser.values()) yield* connections
  }

  add(connection: Connection): void {
    const connections = this.#byUser.get(connection.userId)
    if (connections === undefined) this.#byUser.set(connection.userId, new Set([connection]))
    else connections.add(connection)
    const { address } = connection
    this.#countByAddress.set(addressKey(address), this.countFrom(address) + 1)
    this.#connectionCount += 1
  }

  remove(connection: Connection): void {
    const connections = this.#byUser.get(connection.userId)
    if (!connections?.delete(connection)) return
    if (connections.size === 0) this.#byUser.delete(connection.userId)
    const key = addressKey(connection.address)
    const left = this.countFrom(connection.address) - 1
    if (left > 0) this.#countByAddress.set(key, left)
    else this.#countByAddress.delete(key)
    this.#connectionCount -= 1
  }

  /**
   * Hands an event to every socket that it is for, and returns whether there was any. Its frame is
   * made once, and not for nobody.
   */
  deliver(event: PendingEvent): boolean {
    const connections = event.userId === null ? this.all() : this.of(event.userId)
    let frame: Frame | undefined
    for (const connection of connections) {
      frame ??= eventFrame(event.event, event.data)
      connection.deliver(event, frame)
    }
    return frame !== undefined
  }

  checkAlive(): void {
    for (const connection of this.all()) connection.checkAlive()
  }

  closeAll(close: Close): void {
    for (const connection of this.all()) connection.close(close)
  }
}

const NONE: ReadonlySet<Connection> = new Set()
