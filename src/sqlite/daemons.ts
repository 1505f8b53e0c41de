import type { Clock } from '../chat/clock.ts'
import type { Daemon, DaemonReport, NewDaemon, Position } from '../chat/model.ts'
import type { Daemons } from '../chat/store.ts'
import { ChatError } from '../errors.ts'
import { HEARTBEAT_STALE_MS } from '../thresholds.ts'
import type { Database, Statement } from './database.ts'
import type { SqliteEvents } from './events.ts'
import { isSameProcess, processStartedAt } from './process-identity.ts'

/** Tells a process from a later one with the same pid. */
interface StartOfProcess {
  processStartedAt: string
}

type DaemonRow = Daemon & StartOfProcess
type Heartbeat = Pick<DaemonRow, keyof DaemonReport | 'daemonId'> & { now: string }

/**
 * The lease: one row, whose owner is the daemon that broadcasts this database's events, with its
 * heartbeat and status.
 */
export class SqliteDaemons implements Daemons {
  readonly #database: Database
  readonly #events: SqliteEvents
  readonly #clock: Clock
  readonly #select: Statement<[], DaemonRow>
  readonly #insert: Statement<NewDaemon & StartOfProcess & { now: string }>
  readonly #setLastSeen: Statement<[string]>
  readonly #deleteAll: Statement<[]>
  readonly #delete: Statement<[number]>
  readonly #heartbeat: Statement<Heartbeat>

  constructor(database: Database, events: SqliteEvents, clock: Clock) {
    this.#database = database
    this.#events = events
    this.#clock = clock
    this.#select = database.prepare(`
      SELECT daemon_id AS daemonId, hostname, pid, process_started_at AS processStartedAt, address,
        started_at AS startedAt, heartbeat_at AS heartbeatAt, polled_at AS polledAt,
        last_event_id AS position, delivered_count AS deliveredCount,
        lag_seconds AS lagSeconds, poll_ms AS pollMs
      FROM daemons
    `)
    this.#insert = database.prepare(`
      INSERT INTO daemons
        (hostname, pid, process_started_at, address, started_at, heartbeat_at, polled_at)
      VALUES (@hostname, @pid, @processStartedAt, @address, @now, @now, @now)
    `)
    this.#setLastSeen = database.prepare(`
      UPDATE users SET
        last_seen_at = max(?, (
          SELECT max(connected_at) FROM connections WHERE connections.user_id = users.user_id
        ))
      WHERE user_id IN (SELECT user_id FROM connections)
    `)
    this.#deleteAll = database.prepare('DELETE FROM daemons')
    this.#delete = database.prepare('DELETE FROM daemons WHERE daemon_id = ?')
    this.#heartbeat = database.prepare(`
      UPDATE daemons
      SET heartbeat_at = @now, polled_at = @polledAt, last_event_id = @position,
        delivered_count = @deliveredCount, lag_seconds = @lagSeconds, poll_ms = @pollMs
      WHERE daemon_id = @daemonId
    `)
  }

  /**
   * Acquires the lease, and deletes the row of a dead owner with its connections, whose users were
   * last seen at its last heartbeat, or when they connected after it.
   */
  async register(daemon: NewDaemon): Promise<{ daemonId: number; position: Position | undefined }> {
    const start = { processStartedAt: processStartedAt(daemon.pid) ?? '' }
    const daemonId = await this.#database.write(() => {
      const owner = this.#select.get()
      this.#assertNotAlive(owner, daemon.hostname)
      this.#setLastSeen.run(owner?.heartbeatAt ?? '')
      this.#deleteAll.run()
      this.#events.deleteStale()
      const parameters = { ...daemon, ...start, now: this.#clock.stored() }
      return Number(this.#insert.run(parameters).lastInsertRowid)
    })
    // What its predecessor has delivered is deleted.
    return { daemonId, position: undefined }
  }

  async assertFree(hostname: string): Promise<void> {
    this.#assertNotAlive(this.#select.get(), hostname)
  }

  async heartbeat(daemonId: number, report: DaemonReport): Promise<boolean> {
    const parameters = {
      ...report,
      daemonId,
      now: this.#clock.stored(),
      polledAt: this.#clock.storedFrom(report.polledAt),
    }
    const write = () => this.#heartbeat.run(parameters)
    return (await this.#database.write(write)).changes === 1
  }

  async unregister(daemonId: number): Promise<void> {
    await this.#database.write(() => {
      this.#setLastSeen.run(this.#clock.stored())
      this.#delete.run(daemonId)
    })
  }

  async list(hostname: string): Promise<Daemon[]> {
    const owner = this.#select.get()
    return owner !== undefined && this.#isAlive(owner, hostname) ? [owner] : []
  }

  #assertNotAlive(owner: DaemonRow | undefined, hostname: string): void {
    if (owner === undefined || !this.#isAlive(owner, hostname)) return
    const where = owner.hostname === hostname ? '' : ` on ${owner.hostname}`
    const advice = 'Stop it first: chat-websocket stop'
    throw new ChatError(
      'setup',
      `Another chat-websocket (pid ${owner.pid}${where}) serves this database. ${advice}`,
    )
  }

  /** On one machine the process table knows; from another one only the heartbeat does. */
  #isAlive(daemon: DaemonRow, hostname: string): boolean {
    if (daemon.hostname === hostname) return isSameProcess(daemon.pid, daemon.processStartedAt)
    return this.#clock.secondsSince(daemon.heartbeatAt) * 1000 < HEARTBEAT_STALE_MS
  }
}
