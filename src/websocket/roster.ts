import type { Profile } from '../chat/model.ts'
import type { Connections, Users } from '../chat/store.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import type { Connection } from './connection.ts'

/**
 * Keeps the connections table in step with the sockets, and with it who their users are. Sockets do
 * not wait for it: what cannot be written is logged, and the chat goes on.
 */
export class Roster {
  readonly #users: Users
  readonly #connections: Connections
  /** The row's id, once it is written; undefined when it could not be. */
  readonly #ids = new Map<Connection, Promise<number | undefined>>()
  readonly #writes = new Set<Promise<unknown>>()
  /** A locked database fails every connection that comes and goes. */
  readonly #outage: Outage

  constructor(users: Users, connections: Connections, log: Log) {
    this.#users = users
    this.#connections = connections
    this.#outage = new Outage(
      log,
      'The connections table could not be kept up to date',
      'The connections table is kept up to date again',
    )
  }

  /** Resolves when what the client says of its user is stored, or could not be. */
  async add(connection: Connection, profile: Partial<Profile>, daemonId: number): Promise<void> {
    const { userId, address } = connection
    // Both in one turn, and so in one transaction, the user's row first.
    const saved = this.#saveProfile(userId, profile)
    const added = this.#connections.add(daemonId, userId, address)
    this.#ids.set(connection, this.#write(added))
    await saved
  }

  /** @param seenAt given for the last socket of a user: when it closed */
  async remove(connection: Connection, seenAt?: Date): Promise<void> {
    const connectionId = await this.#ids.get(connection)
    this.#ids.delete(connection)
    if (connectionId === undefined) return
    await this.#write(
      seenAt === undefined
        ? this.#connections.remove(connectionId)
        : this.#connections.removeLast(connectionId, connection.userId, seenAt),
    )
  }

  /** Resolves when what is being written now is stored, or could not be. */
  async recorded(): Promise<void> {
    await Promise.all(this.#writes)
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.#writes.size > 0) await this.recorded()
  }

  async #saveProfile(userId: number, profile: Partial<Profile>): Promise<void> {
    try {
      await this.#users.saveProfile(userId, profile)
    } catch (error) {
      this.#outage.failed(error)
    }
  }

  async #write<Result>(write: Promise<Result>): Promise<Result | undefined> {
    this.#writes.add(write)
    try {
      const result = await write
      this.#outage.worked()
      return result
    } catch (error) {
      this.#outage.failed(error)
      return undefined
    } finally {
      this.#writes.delete(write)
    }
  }
}
