import type { Clock } from '../chat/clock.ts'
import type { ClosedConnection, ConnectionRow, NewConnection } from '../chat/model.ts'
import type { Connections } from '../chat/store.ts'
import type { Wire } from '../chat/wire.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteEvents } from './events.ts'
import type { SqliteUsers } from './users.ts'

interface ConnectionsParts {
  database: Database
  users: SqliteUsers
  events: SqliteEvents
  wire: Wire
  clock: Clock
}

export class SqliteConnections implements Connections {
  readonly #parts: ConnectionsParts
  readonly #insert: Statement<NewRow>
  readonly #delete: Statement<[number]>
  readonly #setLastSeen: Statement<[string, number]>
  readonly #selectAll: Statement<[], ConnectionRow>
  readonly #isOnline: Statement<[number], 1>
  readonly #countUsers: Statement<[], number>
  readonly #count: Statement<[], { connections: number; users: number }>

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
    const { database } = parts
    this.#insert = database.prepare(`
      INSERT INTO connections (daemon_id, user_id, address, connected_at)
      VALUES (@daemonId, @userId, @address, @connectedAt)
    `)
    this.#delete = database.prepare('DELETE FROM connections WHERE connection_id = ?')
    this.#setLastSeen = database.prepare('UPDATE users SET last_seen_at = ? WHERE user_id = ?')
    this.#selectAll = database.prepare(`
      SELECT connections.connection_id AS connectionId, connections.user_id AS userId,
        users.username, users.name, connections.address,
        connections.connected_at AS connectedAt
      FROM connections
      JOIN users USING (user_id)
      ORDER BY connections.connection_id
    `)
    this.#isOnline = database
      .prepare<[number], 1>('SELECT 1 FROM connections WHERE user_id = ? LIMIT 1')
      .pluck()
    this.#countUsers = database
      .prepare<[], number>('SELECT count(DISTINCT user_id) FROM connections')
      .pluck()
    this.#count = database.prepare(`
      SELECT count(*) AS connections, count(DISTINCT user_id) AS users FROM connections
    `)
  }

  async connect(connection: NewConnection): Promise<number> {
    const { daemonId, userId, address, profile, announce } = connection
    return this.#parts.database.write(() => {
      this.#parts.users.save(userId, profile)
      const isFirst = !this.#hasAny(userId)
      const row = { daemonId, userId, address, connectedAt: this.#parts.clock.stored() }
      const connectionId = Number(this.#insert.run(row).lastInsertRowid)
      if (announce && isFirst) this.#announce(userId, true)
      return connectionId
    })
  }

  async disconnect(connection: ClosedConnection): Promise<void> {
    const { connectionId, userId, seenAt, announce } = connection
    await this.#parts.database.write(() => {
      const isGone = this.#delete.run(connectionId).changes === 1
      if (!isGone || this.#hasAny(userId)) return
      this.#setLastSeen.run(this.#parts.clock.storedFrom(seenAt), userId)
      if (announce) this.#announce(userId, false)
    })
  }

  async add(daemonId: number, userId: number, address: string): Promise<number> {
    const row = { daemonId, userId, address, connectedAt: this.#parts.clock.stored() }
    return this.#parts.database.write(() => Number(this.#insert.run(row).lastInsertRowid))
  }

  async remove(connectionId: number): Promise<void> {
    await this.#parts.database.write(() => this.#delete.run(connectionId))
  }

  async removeLast(connectionId: number, userId: number, seenAt: Date): Promise<void> {
    const lastSeenAt = this.#parts.clock.storedFrom(seenAt)
    await this.#parts.database.write(() => {
      this.#delete.run(connectionId)
      this.#setLastSeen.run(lastSeenAt, userId)
    })
  }

  async list(): Promise<ConnectionRow[]> {
    return this.#selectAll.all()
  }

  async count(): Promise<{ connections: number; users: number }> {
    return this.#count.get() ?? { connections: 0, users: 0 }
  }

  async isOnline(userId: number): Promise<boolean> {
    return this.#hasAny(userId)
  }

  async countUsers(): Promise<number> {
    return this.#countUsers.get() ?? 0
  }

  #hasAny(userId: number): boolean {
    return this.#isOnline.get(userId) === 1
  }

  #announce(userId: number, isOnline: boolean): void {
    const { events, wire } = this.#parts
    const status = wire.userStatus(userId, isOnline)
    events.append('chat:user_status', null, status, { subjectUserId: userId })
  }
}

interface NewRow {
  daemonId: number
  userId: number
  address: string
  connectedAt: string
}
