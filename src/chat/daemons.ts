import { ChatError } from '../errors.ts'
import type { Database, Statement } from '../sqlite/database.ts'
import type { Clock } from './clock.ts'

/** A heartbeat this old is a dead daemon's, wherever it ran: six that should have come, did not. */
export const HEARTBEAT_STALE_MS = 30_000

/** The process that holds, or wants, the lease. */
export interface Holder {
  hostname: string
  pid: number
  /** From processStartedAt: tells the process from a later one with the same pid. */
  processStartedAt: string
  /** Where it listens: 'ws://127.0.0.1:8089'. */
  address: string
}

/** What the daemon knows of itself, for those who watch it from outside. */
export interface Pulse {
  /** Every event up to this one has been handed on. */
  lastEventId: number
  /** Events that reached somebody, since the daemon started. */
  deliveredCount: number
  /** The longest that an event was seen to wait since the last heartbeat. */
  lagSeconds: number
  /** The slowest poll since the last heartbeat. */
  pollMs: number
}

export interface Daemon extends Holder, Pulse {
  daemonId: number
  startedAt: string
  heartbeatAt: string
  polledAt: string
}

const NO_PULSE: Pulse = { lastEventId: 0, deliveredCount: 0, lagSeconds: 0, pollMs: 0 }

/** The lease: the one row that says which daemon broadcasts this database's events. */
export class Daemons {
  readonly #database: Database
  readonly #clock: Clock
  readonly #isSameProcess: (pid: number, startedAt: string) => boolean
  readonly #select: Statement<[], Daemon>
  readonly #insert: Statement<Holder & { now: string }>
  readonly #setLastSeen: Statement<[string]>
  readonly #deleteAll: Statement<[]>
  readonly #delete: Statement<[number]>
  readonly #heartbeat: Statement<Pulse & { daemonId: number; now: string; polledAt: string }>

  constructor(
    database: Database,
    clock: Clock,
    isSameProcess: (pid: number, startedAt: string) => boolean,
  ) {
    this.#database = database
    this.#clock = clock
    this.#isSameProcess = isSameProcess
    this.#select = database.prepare(`
      SELECT daemon_id AS daemonId, hostname, pid, process_started_at AS processStartedAt, address,
        started_at AS startedAt, heartbeat_at AS heartbeatAt, polled_at AS polledAt,
        last_event_id AS lastEventId, delivered_count AS deliveredCount,
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
      SET heartbeat_at = @now, polled_at = @polledAt, last_event_id = @lastEventId,
        delivered_count = @deliveredCount, lag_seconds = @lagSeconds, poll_ms = @pollMs
      WHERE daemon_id = @daemonId
    `)
  }

  /**
   * Takes the lease, clearing what a dead holder left: its connections go with its row, and whoever
   * they belonged to was last seen at its last heartbeat, or when they connected after it.
   *
   * @returns the daemon_id to pass to `heartbeat` and `release`
   * @throws ChatError `setup`, naming the holder's pid, while another daemon lives
   */
  async acquire(holder: Holder): Promise<number> {
    return this.#database.write(() => {
      const current = this.#select.get()
      this.#refuseWhileAlive(current, holder.hostname)
      this.#setLastSeen.run(current?.heartbeatAt ?? '')
      this.#deleteAll.run()
      const parameters = { ...holder, now: this.#clock.stored() }
      return Number(this.#insert.run(parameters).lastInsertRowid)
    })
  }

  /** @throws ChatError `setup`, naming the holder's pid, while another daemon lives */
  async refuseSecond(hostname: string): Promise<void> {
    this.#refuseWhileAlive(this.#select.get(), hostname)
  }

  /** Says that the daemon lives; resolves with false when the lease is not its own any more. */
  async heartbeat(daemonId: number, polledAt: Date, pulse = NO_PULSE): Promise<boolean> {
    const parameters = {
      ...pulse,
      daemonId,
      now: this.#clock.stored(),
      polledAt: this.#clock.storedFrom(polledAt),
    }
    const write = () => this.#heartbeat.run(parameters)
    return (await this.#database.write(write)).changes === 1
  }

  /** Gives the lease back; everybody who was connected was last seen just now. */
  async release(daemonId: number): Promise<void> {
    await this.#database.write(() => {
      this.#setLastSeen.run(this.#clock.stored())
      this.#delete.run(daemonId)
    })
  }

  /** The daemon that serves this database, as seen from `hostname`; undefined when none lives. */
  async find(hostname: string): Promise<Daemon | undefined> {
    const daemon = this.#select.get()
    return daemon !== undefined && this.#isAlive(daemon, hostname) ? daemon : undefined
  }

  #refuseWhileAlive(current: Daemon | undefined, hostname: string): void {
    if (current === undefined || !this.#isAlive(current, hostname)) return
    const where = current.hostname === hostname ? '' : ` on ${current.hostname}`
    const advice = 'Stop it first: chat-websocket stop'
    throw new ChatError(
      'setup',
      `Another chat-websocket (pid ${current.pid}${where}) serves this database. ${advice}`,
    )
  }

  /** On one machine the process table knows; from another one only the heartbeat does. */
  #isAlive(daemon: Daemon, hostname: string): boolean {
    if (daemon.hostname === hostname)
      return this.#isSameProcess(daemon.pid, daemon.processStartedAt)
    const heartbeatAt = Date.parse(`${daemon.heartbeatAt.replace(' ', 'T')}Z`)
    return this.#clock.now().getTime() - heartbeatAt < HEARTBEAT_STALE_MS
  }
}
