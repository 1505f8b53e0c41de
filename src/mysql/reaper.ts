import type { MysqlDatabase } from './database.ts'
import { LIVES } from './online.ts'
import type { Query } from './session.ts'
import { shardsOf } from './shards.ts'
import type { MysqlStore } from './store.ts'

/** Most users of a daemon that ended are back within this time, and never went offline. */
const GRACE_SECONDS = 10
/** A daemon that starts where another has ended goes on from its position, for this long. */
const REMEMBERED_SECONDS = 24 * 60 * 60
/** Sockets of a dead daemon in one transaction. */
const SOCKETS_MAX = 500

interface DeadSocket {
  connectionId: number
  userId: number
  seenAt: string
}

/** Deletes the rows of daemons that have ended or died, and tells who is offline since. */
export class Reaper {
  readonly #store: MysqlStore
  readonly #database: MysqlDatabase

  constructor(store: MysqlStore, database: MysqlDatabase) {
    this.#store = store
    this.#database = database
  }

  async run(): Promise<void> {
    await this.#database.write(
      `UPDATE daemons SET ended_at = heartbeat_at WHERE ended_at IS NULL AND NOT ${LIVES}`,
    )
    while (await this.#reap());
    await this.#database.write(
      `DELETE FROM daemons
      WHERE ended_at < NOW(3) - INTERVAL ${REMEMBERED_SECONDS} SECOND`,
    )
  }

  /** Returns whether there may be more. */
  async #reap(): Promise<boolean> {
    const sockets = await this.#database.read<DeadSocket>(DEAD_SOCKETS)
    if (sockets.length === 0) return false
    const userIds = [...new Set(sockets.map(({ userId }) => userId))]
    const connectionIds = sockets.map(({ connectionId }) => connectionId)
    const elsewhere: Query = [
      `SELECT DISTINCT user_id AS userId FROM connections
      WHERE user_id IN (?) AND connection_id NOT IN (?)`,
      [userIds, connectionIds],
    ]
    const options = { shards: shardsOf([...userIds, null]), reads: [elsewhere], isIdempotent: true }
    await this.#database.change(options, async (transaction, rows: { userId: number }[]) => {
      const online = new Set(rows.map(({ userId }) => userId))
      const gone = sockets.filter(({ userId }) => !online.has(userId))
      transaction.writeLast('DELETE FROM connections WHERE connection_id IN (?)', [connectionIds])
      for (const { userId, seenAt } of gone) {
        transaction.writeLast(
          `UPDATE users SET last_seen_at = GREATEST(COALESCE(last_seen_at, ?), ?)
          WHERE user_id = ?`,
          [seenAt, seenAt, userId],
        )
      }
      for (const subjectUserId of new Set(gone.map(({ userId }) => userId))) {
        const status = JSON.stringify(this.#store.wire.userStatus(subjectUserId, false))
        transaction.append('chat:user_status', null, status, { subjectUserId })
      }
    })
    return sockets.length === SOCKETS_MAX
  }
}

/** Users were last seen when their daemon was, or when they connected after its last heartbeat. */
const DEAD_SOCKETS = `
  SELECT connections.connection_id AS connectionId, connections.user_id AS userId,
    DATE_FORMAT(GREATEST(daemons.ended_at, connections.connected_at), '%Y-%m-%d %H:%i:%s') AS seenAt
  FROM connections
  JOIN daemons USING (daemon_id)
  WHERE daemons.ended_at < NOW(3) - INTERVAL ${GRACE_SECONDS} SECOND
  LIMIT ${SOCKETS_MAX}
`
