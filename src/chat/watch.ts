import type { Database, Statement } from '../sqlite/database.ts'
import type { Clock } from './clock.ts'
import type { Daemon, Daemons } from './daemons.ts'
import type { Events } from './events.ts'

/** The daemon writes down its last good poll every 5 s: two of those missed, or polls that fail. */
export const POLL_STALE_SECONDS = 10

/** `unhealthy`: the process lives, but has not polled for more than POLL_STALE_SECONDS. */
export type DaemonState = 'running' | 'unhealthy' | 'stopped'

/** The daemon as everybody but itself sees it. */
export interface WatchedDaemon {
  state: DaemonState
  /** Undefined when it is `stopped`. */
  daemon: Daemon | undefined
  /** Since its last good poll, in whole seconds. */
  pollAgeSeconds: number | undefined
}

/** How the chat does, as far as its database tells. */
export class Watch {
  readonly #daemons: Daemons
  readonly #events: Events
  readonly #clock: Clock

  readonly #newestMessageAt: Statement<[], string>

  constructor(database: Database, parts: { daemons: Daemons; events: Events; clock: Clock }) {
    this.#daemons = parts.daemons
    this.#events = parts.events
    this.#clock = parts.clock
    this.#newestMessageAt = database
      .prepare<[], string>(`
        SELECT created_at
        FROM messages
        WHERE message_id = (SELECT seq FROM sqlite_sequence WHERE name = 'messages')
      `)
      .pluck()
  }

  /** @param hostname of the machine that asks */
  async daemon(hostname: string): Promise<WatchedDaemon> {
    const daemon = await this.#daemons.find(hostname)
    if (daemon === undefined) return { state: 'stopped', daemon, pollAgeSeconds: undefined }
    const pollAgeSeconds = this.#clock.secondsSince(daemon.polledAt)
    const state = pollAgeSeconds > POLL_STALE_SECONDS ? 'unhealthy' : 'running'
    return { state, daemon, pollAgeSeconds }
  }

  /**
   * How long the oldest event that nobody has been told yet waits. While the daemon runs that is its
   * own word: rows that it has delivered stay in the table until it comes round to delete them.
   */
  async lagSeconds({ state, daemon }: WatchedDaemon): Promise<number> {
    if (state === 'running' && daemon !== undefined) return daemon.lagSeconds
    return this.waitedSeconds(daemon?.lastEventId ?? 0)
  }

  /** How long the oldest of the events after `eventId` has waited, in whole seconds; 0 for none. */
  async waitedSeconds(eventId: number): Promise<number> {
    const queuedAt = await this.#events.oldestAfter(eventId)
    return queuedAt === undefined ? 0 : Math.max(0, this.#clock.secondsSince(queuedAt))
  }

  /** How far the times in the database are ahead of this machine's clock, in seconds; 0 when not. */
  async secondsAhead(daemon: Daemon | undefined): Promise<number> {
    const times = [this.#newestMessageAt.get(), daemon?.heartbeatAt].filter(Boolean) as string[]
    return Math.max(0, ...times.map((time) => -this.#clock.secondsSince(time)))
  }
}
