import type { Clock } from '../chat/clock.ts'
import type { ClosedConnection, ConnectionRow, NewConnection, User } from '../chat/model.ts'
import type { Connections } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import type { MysqlDatabase } from './database.ts'
import { GroupCommit, type Outcome } from './group-commit.ts'
import { LIVES, selectOnline } from './online.ts'
import type { Query } from './session.ts'
import { EVERYBODY, shardOf, shardsOf } from './shards.ts'
import { caseOf, type Transaction } from './transaction.ts'
import { KnownUsers, selectUsers } from './users.ts'

/** A connection_id is daemon_id × this + the number of the socket. */
const SOCKETS_OF_DAEMON = 2 ** 32

type Change =
  | { kind: 'opened'; connectionId: number; connectedAt: string; connection: NewConnection }
  | { kind: 'closed'; connection: ClosedConnection }

interface ConnectionsParts {
  database: MysqlDatabase
  wire: Wire
  clock: Clock
}

export class MysqlConnections implements Connections {
  readonly #parts: ConnectionsParts
  /** Whether it was the user's first, or last. */
  readonly #group: GroupCommit<Change, boolean>
  #socketCount = 0

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
    this.#group = new GroupCommit({
      run: (changes, isPatient) => this.#run(changes, isPatient),
      shardsOf: ({ connection }) => [shardOf(connection.userId)],
      heldOf: (shards) => parts.database.heldOf(shards),
      isIdempotent: () => true,
    })
  }

  async connect(connection: NewConnection): Promise<{ connectionId: number; isFirst: boolean }> {
    this.#socketCount += 1
    const connectionId = connection.daemonId * SOCKETS_OF_DAEMON + this.#socketCount
    const connectedAt = this.#parts.clock.stored()
    const opened = { kind: 'opened', connectionId, connectedAt, connection } as const
    return { connectionId, isFirst: await this.#group.add(opened) }
  }

  disconnect(connection: ClosedConnection): Promise<boolean> {
    return this.#group.add({ kind: 'closed', connection })
  }

  /**
   * A user who moves from one daemon to another is announced by both, in any order. So each
   * announces what is true by then, under the lock that orders the announcements.
   */
  async announce(isOnline: ReadonlyMap<number, boolean>): Promise<void> {
    const { database, wire } = this.#parts
    const userIds = [...isOnline.keys()]
    const options = { shards: [EVERYBODY], reads: [selectSockets(userIds)], isIdempotent: true }
    await database.change(options, async (transaction, sockets: SocketRow[]) => {
      const online = new Set(sockets.map(({ userId }) => userId))
      for (const subjectUserId of userIds) {
        const status = JSON.stringify(wire.userStatus(subjectUserId, online.has(subjectUserId)))
        transaction.append('chat:user_status', null, status, { subjectUserId })
      }
    })
  }

  list(): Promise<ConnectionRow[]> {
    return this.#parts.database.read<ConnectionRow>(`
      SELECT connections.connection_id AS connectionId, connections.daemon_id AS daemonId,
        connections.user_id AS userId, users.username, users.name, connections.address,
        connections.connected_at AS connectedAt
      FROM connections
      JOIN daemons USING (daemon_id)
      JOIN users USING (user_id)
      WHERE ${LIVES}
      ORDER BY connections.connected_at, connections.connection_id
    `)
  }

  async count(): Promise<{ connections: number; users: number }> {
    const [counts] = await this.#parts.database.read<{ connections: number; users: number }>(`
      SELECT COUNT(*) AS connections, COUNT(DISTINCT connections.user_id) AS users
      FROM connections
      JOIN daemons USING (daemon_id)
      WHERE ${LIVES}
    `)
    return counts ?? { connections: 0, users: 0 }
  }

  async isOnline(userId: number): Promise<boolean> {
    const rows = await this.#parts.database.read(...selectOnline([userId]))
    return rows.length > 0
  }

  /** Resolves when every change is committed, or has failed. */
  drain(): Promise<void> {
    return this.#group.drain()
  }

  #run(changes: Change[], isPatient: boolean): Promise<Outcome<boolean>[]> {
    const userIds = [...new Set(changes.map(({ connection }) => connection.userId))]
    const reads = [selectUsers(userIds), selectSockets(userIds)]
    const shards = shardsOf(userIds)
    const options = { shards, reads, isIdempotent: true, failsOnLockWait: true, isPatient }
    return this.#parts.database.transact(
      options,
      (transaction, users: User[], sockets: SocketRow[]) =>
        new Batch(transaction, this.#parts.clock, users, sockets).run(changes),
    )
  }
}

interface SocketRow {
  connectionId: number
  userId: number
}

/**
 * Reads the sockets of these users, with those of daemons that have died or ended: until their rows
 * are deleted, which announces it, their users have not gone offline.
 */
function selectSockets(userIds: number[]): Query {
  return [
    `SELECT connection_id AS connectionId, user_id AS userId
    FROM connections
    WHERE user_id IN (?)`,
    [userIds],
  ]
}

/** The sockets that opened and closed, of one transaction. */
class Batch {
  readonly #transaction: Transaction
  readonly #clock: Clock
  readonly #users: KnownUsers
  /** Of each user. */
  readonly #sockets = new Map<number, Set<number>>()
  readonly #opened = new Map<number, unknown[]>()
  readonly #closed: number[] = []
  readonly #lastSeen = new Map<number, string>()

  constructor(transaction: Transaction, clock: Clock, users: User[], sockets: SocketRow[]) {
    this.#transaction = transaction
    this.#clock = clock
    this.#users = new KnownUsers(users)
    for (const { connectionId, userId } of sockets) this.#socketsOf(userId).add(connectionId)
  }

  async run(changes: Change[]): Promise<Outcome<boolean>[]> {
    const outcomes = changes.map((change) => {
      if (change.kind === 'opened') return { value: this.#open(change) }
      return { value: this.#close(change.connection) }
    })
    await this.#users.write(this.#transaction)
    this.#write()
    return outcomes
  }

  /** Returns whether it is the user's first. A second run finds the row of the first one. */
  #open({ connectionId, connectedAt, connection }: Change & { kind: 'opened' }): boolean {
    const { daemonId, userId, address, profile } = connection
    this.#users.save(userId, profile)
    const sockets = this.#socketsOf(userId)
    const isStored = sockets.has(connectionId)
    sockets.add(connectionId)
    if (!isStored) {
      this.#opened.set(connectionId, [connectionId, daemonId, userId, address, connectedAt])
    }
    return sockets.size === 1
  }

  /** Returns whether it was the user's last. */
  #close({ connectionId, userId, seenAt }: ClosedConnection): boolean {
    const sockets = this.#socketsOf(userId)
    if (!sockets.delete(connectionId)) return false
    if (!this.#opened.delete(connectionId)) this.#closed.push(connectionId)
    if (sockets.size > 0) return false
    this.#lastSeen.set(userId, this.#clock.storedFrom(seenAt))
    return true
  }

  #write(): void {
    if (this.#opened.size > 0) {
      this.#transaction.writeLast(
        `INSERT INTO connections (connection_id, daemon_id, user_id, address, connected_at)
        VALUES ?`,
        [[...this.#opened.values()]],
      )
    }
    if (this.#closed.length > 0) {
      this.#transaction.writeLast('DELETE FROM connections WHERE connection_id IN (?)', [
        this.#closed,
      ])
    }
    if (this.#lastSeen.size > 0) {
      this.#transaction.writeLast(
        `UPDATE users SET last_seen_at = ${caseOf('user_id', this.#lastSeen.size)}
        WHERE user_id IN (?)`,
        [...[...this.#lastSeen].flat(), [...this.#lastSeen.keys()]],
      )
    }
  }

  #socketsOf(userId: number): Set<number> {
    const sockets = this.#sockets.get(userId) ?? new Set()
    this.#sockets.set(userId, sockets)
    return sockets
  }
}
