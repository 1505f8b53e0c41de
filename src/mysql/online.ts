import { HEARTBEAT_STALE_MS } from '../thresholds.ts'
import type { Query } from './session.ts'

/** SQL that is true for the row of a daemon that lives, by the database's clock. */
export const LIVES = `(
  daemons.ended_at IS NULL
  AND daemons.heartbeat_at > NOW(3) - INTERVAL ${HEARTBEAT_STALE_MS / 1000} SECOND
)`

/** SQL that is true while a user has a socket at a daemon that lives. */
export function isOnline(userId: string): string {
  return `EXISTS (
    SELECT 1 FROM connections JOIN daemons USING (daemon_id)
    WHERE connections.user_id = ${userId} AND ${LIVES}
  )`
}

/** Reads, as userId, which of these users are online. */
export function selectOnline(userIds: number[]): Query {
  return [
    `SELECT DISTINCT connections.user_id AS userId
    FROM connections JOIN daemons USING (daemon_id)
    WHERE connections.user_id IN (?) AND ${LIVES}`,
    [userIds],
  ]
}
