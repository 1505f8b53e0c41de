import type { Connections } from '../chat/connections.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'

interface Entry {
  /** The row's id, once it is written; undefined when it could not be. */
  connectionId: Promise<number | undefined>
  /** As it stands in the row. */
  bufferedBytes: number
}

/**
 * Keeps the connections table in step with the sockets. Sockets do not wait for it: what cannot be
 * written is logged, and the chat goes on.
 */
export class Roster {
  readonly #connections: Connections
  readonly #log: Log
  readonly #entries = new Map<Connection, Entry>()
  readonly #writes = new Set<Promise<unknown>>()
  #isFailing = false

  constructor(connections: Connections, log: Log) {
    this.#connections = connections
    this.#log = log
  }

  add(connection: Connection, daemonId: number): void {
    const { userId, address } = connection
    const connectionId = this.#write(this.#connections.add(daemonId, userId, address))
    this.#entries.set(connection, { connectionId, bufferedBytes: 0 })
  }

  /** @param seenAt given for the last socket of a user: when it closed */
  async remove(connection: Connection, seenAt?: Date): Promise<void> {
    const connectionId = await this.#entries.get(connection)?.connectionId
    this.#entries.delete(connection)
    if (connectionId === undefined) return
    await this.#write(
      seenAt === undefined
        ? this.#connections.remove(connectionId)
        : this.#connections.removeLast(connectionId, connection.userId, seenAt),
    )
  }

  /** Writes down how much each socket owes its reader, where that has changed. */
  async recordBuffered(): Promise<void> {
    const rows: { connectionId: number; bufferedBytes: number }[] = []
    for (const [connection, entry] of this.#entries) {
      const { bufferedBytes } = connection
      if (bufferedBytes === entry.bufferedBytes) continue
      entry.bufferedBytes = bufferedBytes
      const connectionId = await entry.connectionId
      if (connectionId !== undefined) rows.push({ connectionId, bufferedBytes })
    }
    await this.#connections.setBuffered(rows)
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.#writes.size > 0) await Promise.all(this.#writes)
  }

  async #write<Result>(write: Promise<Result>): Promise<Result | undefined> {
    this.#writes.add(write)
    try {
      const result = await write
      if (this.#isFailing) this.#log.info('The connections table is kept up to date again')
      this.#isFailing = false
      return result
    } catch (error) {
      // Once, until it is over: a locked database fails every connection that comes and goes.
      if (!this.#isFailing) this.#logFailure(error)
      this.#isFailing = true
      return undefined
    } finally {
      this.#writes.delete(write)
    }
  }

  #logFailure(error: unknown): void {
    const message = 'The connections table could not be kept up to date'
    if (error instanceof ChatError) this.#log.warn(`${message}: ${error.message}`)
    else this.#log.error(message, error)
  }
}
