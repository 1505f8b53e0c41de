import type { Clock } from '../chat/clock.ts'
import type { Daemon, DaemonReport, NewDaemon, Position } from '../chat/model.ts'
import type { Daemons } from '../chat/store.ts'
import type { MysqlDatabase } from './database.ts'
import { LIVES } from './online.ts'
import { positionOf, readVector, vectorFrom } from './vector.ts'

/** The register of daemons. Whether one lives is decided by the database's clock. */
export class MysqlDaemons implements Daemons {
  readonly #database: MysqlDatabase
  readonly #clock: Clock
  #hasRegistered = false

  constructor(database: MysqlDatabase, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  async register(daemon: NewDaemon): Promise<{ daemonId: number; position: Position | undefined }> {
    const { hostname, pid, address } = daemon
    const position = await this.#startFor(daemon)
    const here = { hostname, address }
    if (!this.#hasRegistered) await this.#endPredecessor(here)
    this.#hasRegistered = true
    const daemonId = await this.#database.insert(
      `INSERT INTO daemons (hostname, pid, address, polled_at, position)
      VALUES (:hostname, :pid, :address, :now, :position)`,
      { ...here, pid, now: this.#clock.stored(), position: position ?? positionOf(vectorFrom([])) },
    )
    return { daemonId, position }
  }

  /** Any number of daemons may run. */
  async assertFree(): Promise<void> {}

  async heartbeat(daemonId: number, report: DaemonReport): Promise<boolean> {
    return (await this.#report(daemonId, report, 'ended_at')) === 1
  }

  /** The rows of its sockets stay for a moment: most of their users come back elsewhere. */
  async unregister(daemonId: number, report: DaemonReport): Promise<void> {
    if ((await this.#report(daemonId, report, 'NOW(3)')) === 0) return
    await this.#database.write(
      'UPDATE users SET last_seen_at = ? WHERE user_id IN (SELECT user_id FROM connections WHERE daemon_id = ?)',
      [this.#clock.stored(), daemonId],
    )
  }

  list(): Promise<Daemon[]> {
    return this.#database.read<Daemon>(`
      SELECT daemon_id AS daemonId, hostname, pid, address,
        DATE_FORMAT(started_at, '%Y-%m-%d %H:%i:%s') AS startedAt,
        DATE_FORMAT(heartbeat_at, '%Y-%m-%d %H:%i:%s') AS heartbeatAt,
        polled_at AS polledAt, position, delivered_count AS deliveredCount,
        lag_seconds AS lagSeconds, poll_ms AS pollMs
      FROM daemons
      WHERE ${LIVES}
      ORDER BY daemon_id
    `)
  }

  /**
   * A daemon that starts has its predecessor's port, so that one has ended. Where two hosts have one
   * name, it has not, and registers again: it then leaves the other alone.
   */
  async #endPredecessor(here: Pick<NewDaemon, 'hostname' | 'address'>): Promise<void> {
    await this.#database.write(
      `UPDATE daemons SET ended_at = NOW(3)
      WHERE hostname = :hostname AND address = :address AND ended_at IS NULL`,
      here,
    )
  }

  /** @param endedAt SQL; returns the number of rows: 0 when it has ended */
  #report(daemonId: number, report: DaemonReport, endedAt: string): Promise<number> {
    const polledAt = this.#clock.storedFrom(report.polledAt)
    return this.#database.write(
      `UPDATE daemons SET heartbeat_at = NOW(3), ended_at = ${endedAt}, polled_at = :polledAt,
        position = :position, delivered_count = :deliveredCount,
        lag_seconds = :lagSeconds, poll_ms = :pollMs
      WHERE daemon_id = :daemonId AND ended_at IS NULL`,
      { ...report, position: String(report.position), polledAt, daemonId },
    )
  }

  /**
   * Where the tail of a daemon starts: where its predecessor on this address stopped. Others have
   * none; the events before them are those of the daemons that live, or of the last that did.
   */
  async #startFor({ hostname, address }: NewDaemon): Promise<Position | undefined> {
    const predecessor = await this.#database.readValue<string>(
      `SELECT position FROM daemons
      WHERE hostname = ? AND address = ?
      ORDER BY daemon_id DESC LIMIT 1`,
      [hostname, address],
    )
    if (predecessor !== undefined) return predecessor
    const living = await this.#database.readValue<number>(`SELECT 1 FROM daemons WHERE ${LIVES}`)
    if (living === undefined) {
      return this.#database.readValue<string>(
        'SELECT position FROM daemons ORDER BY heartbeat_at DESC LIMIT 1',
      )
    }
    return positionOf(await readVector(this.#database))
  }
}
