import { addressKey } from '../limits/address-key.ts'
import type { Close } from './close-codes.ts'
import type { Connection } from './connection.ts'

/** The open sockets, by user and by address: pure memory. */
export class Hub {
  readonly #byUser = new Map<number, Set<Connection>>()
  readonly #recovering = new Set<Connection>()
  readonly #countByAddress = new Map<string, number>()
  #connectionCount = 0

  get userCount(): number {
    return this.#byUser.size
  }

  get connectionCount(): number {
    return this.#connectionCount
  }

  /** The sockets of every user who has one. */
  get users(): ReadonlyMap<number, ReadonlySet<Connection>> {
    return this.#byUser
  }

  /** The sockets in recovery: not live yet. */
  get recovering(): ReadonlySet<Connection> {
    return this.#recovering
  }

  /** The sockets of one user. */
  of(userId: number): ReadonlySet<Connection> {
    return this.#byUser.get(userId) ?? NONE
  }

  /** The number of sockets of this address; an IPv6 address counts with its network. */
  countFrom(address: string): number {
    return this.#countByAddress.get(addressKey(address)) ?? 0
  }

  *all(): Iterable<Connection> {
    for (const connections of this.#byUser.values()) yield* connections
  }

  /** Bytes buffered for all sockets: what backpressure holds back at the moment. */
  bufferedBytes(): number {
    let bytes = 0
    for (const connection of this.all()) bytes += connection.bufferedBytes
    return bytes
  }

  add(connection: Connection): void {
    const connections = this.#byUser.get(connection.userId)
    if (connections === undefined) this.#byUser.set(connection.userId, new Set([connection]))
    else connections.add(connection)
    if (connection.isRecovering) this.#recovering.add(connection)
    const { address } = connection
    this.#countByAddress.set(addressKey(address), this.countFrom(address) + 1)
    this.#connectionCount += 1
  }

  remove(connection: Connection): void {
    const connections = this.#byUser.get(connection.userId)
    if (!connections?.delete(connection)) return
    if (connections.size === 0) this.#byUser.delete(connection.userId)
    this.#recovering.delete(connection)
    const key = addressKey(connection.address)
    const left = this.countFrom(connection.address) - 1
    if (left > 0) this.#countByAddress.set(key, left)
    else this.#countByAddress.delete(key)
    this.#connectionCount -= 1
  }

  /** Ends the recovery of a connection: see Connection.goLive. */
  goLive(connection: Connection, replayedThrough: number): void {
    this.#recovering.delete(connection)
    connection.goLive(replayedThrough)
  }

  checkAlive(): void {
    for (const connection of this.all()) connection.checkAlive()
  }

  /** @param isOf selects the users whose sockets are closed; all by default */
  closeAll(close: Close, isOf = (_userId: number) => true): void {
    for (const connection of this.all()) {
      if (isOf(connection.userId)) connection.close(close)
    }
  }
}

const NONE: ReadonlySet<Connection> = new Set()
