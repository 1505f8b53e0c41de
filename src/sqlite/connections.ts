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
      SELECT connections.connection_id AS connectionId, connections.daemon_id AS daemonId,
        connections.user_id AS userId, users.username, users.name, connections.address,
        connections.connected_at AS connectedAt
      FROM connections
      JOIN users USING (user_id)
      ORDER BY connections.connection_id
    `)
    this.#isOnline = database.prepareValue('SELECT 1 FROM connections WHERE user_id = ? LIMIT 1')
    this.#count = database.prepare(`
      SELECT count(*) AS connections, count(DISTINCT user_id) AS users FROM connections
    `)
  }

  async connect(connection: NewConnection): Promise<{ connectionId: number; isFirst: boolean }> {
    const { daemonId, userId, address, profile } = connection
    return this.#parts.database.write(() => {
      this.#parts.users.save(userId, profile)
      const isFirst = !this.#hasAny(userId)
      const row = { daemonId, userId, address, connectedAt: this.#parts.clock.stored() }
      return { connectionId: Number(this.#insert.run(row).lastInsertRowid), isFirst }
    })
  }

  async disconnect({ connectionId, userId, seenAt }: ClosedConnection): Promise<boolean> {
    return this.#parts.database.write(() => {
      const isGone = this.#delete.run(connectionId).changes === 1
      if (!isGone || this.#hasAny(userId)) return false
      this.#setLastSeen.run(this.#parts.clock.storedFrom(seenAt), userId)
      return true
    })
  }

  async announce(isOnline: ReadonlyMap<number, boolean>): Promise<void> {
    const { database, events, wire } = this.#parts
    await database.write(() => {
      for (const [subjectUserId, isUserOnline] of isOnline) {
        const status = JSON.stringify(wire.userStatus(subjectUserId, isUserOnline))
        events.append('chat:user_status', null, status, { subjectUserId })
      }
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

  #hasAny(userId: number): boolean {
    return this.#isOnline.get(userId) === 1
  }
}

interface NewRow {
  daemonId: number
  userId: number
  address: string
  connectedAt: string
}
