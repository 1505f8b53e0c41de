import type { Clock } from '../chat/clock.ts'
import type { ConnectionRow } from '../chat/model.ts'
import type { Connections } from '../chat/store.ts'
import type { Database, Statement } from './database.ts'

export class SqliteConnections implements Connections {
  readonly #database: Database
  readonly #clock: Clock
  readonly #insert: Statement<NewConnection>
  readonly #delete: Statement<[number]>
  readonly #setBuffered: Statement<[number, number]>
  readonly #setLastSeen: Statement<[string, number]>
  readonly #selectAll: Statement<[], ConnectionRow>
  readonly #isOnline: Statement<[number], 1>
  readonly #countUsers: Statement<[], number>
  readonly #count: Statement<[], { connections: number; users: number }>

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
    this.#insert = database.prepare(`
      INSERT INTO connections (daemon_id, user_id, address, connected_at)
      VALUES (@daemonId, @userId, @address, @connectedAt)
    `)
    this.#delete = database.prepare('DELETE FROM connections WHERE connection_id = ?')
    this.#setBuffered = database.prepare(`
      UPDATE connections SET buffered_bytes = ? WHERE connection_id = ?
    `)
    this.#setLastSeen = database.prepare('UPDATE users SET last_seen_at = ? WHERE user_id = ?')
    this.#selectAll = database.prepare(`
      SELECT connections.connection_id AS connectionId, connections.user_id AS userId,
        users.username, users.name, connections.address,
        connections.connected_at AS connectedAt, connections.buffered_bytes AS bufferedBytes
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

  async add(daemonId: number, userId: number, address: string): Promise<number> {
    const row = { daemonId, userId, address, connectedAt: this.#clock.stored() }
    return this.#database.write(() => Number(this.#insert.run(row).lastInsertRowid))
  }

  async remove(connectionId: number): Promise<void> {
    await this.#database.write(() => this.#delete.run(connectionId))
  }

  async removeLast(connectionId: number, userId: number, seenAt: Date): Promise<void> {
    const lastSeenAt = this.#clock.storedFrom(seenAt)
    await this.#database.write(() => {
      this.#delete.run(connectionId)
      this.#setLastSeen.run(lastSeenAt, userId)
    })
  }

  /** Records how much each of these sockets owes its reader. */
  async setBuffered(rows: { connectionId: number; bufferedBytes: number }[]): Promise<void> {
    if (rows.length === 0) return
    await this.#database.write(() => {
      for (const row of rows) this.#setBuffered.run(row.bufferedBytes, row.connectionId)
    })
  }

  async list(): Promise<ConnectionRow[]> {
    return this.#selectAll.all()
  }

  async count(): Promise<{ connections: number; users: number }> {
    return this.#count.get() ?? { connections: 0, users: 0 }
  }

  async isOnline(userId: number): Promise<boolean> {
    return this.#isOnline.get(userId) === 1
  }

  async countUsers(): Promise<number> {
    return this.#countUsers.get() ?? 0
  }
}

interface NewConnection {
  daemonId: number
  userId: number
  address: string
  connectedAt: string
}
