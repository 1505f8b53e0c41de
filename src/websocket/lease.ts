import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import type { DaemonReport } from '../chat/model.ts'
import { ChatError } from '../errors.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { HEARTBEAT_MS } from '../thresholds.ts'

interface LeaseOptions {
  daemons: Chat['daemons']
  log: Log
  /** What the daemon reports of itself with each heartbeat. */
  report: () => DaemonReport
  /** Called when another daemon has taken the lease over. */
  onLost: () => void
}

/**
 * The lease: the right to broadcast this database's events. One daemon at a time owns it, and
 * renews it by heartbeats.
 */
export class Lease {
  readonly #options: LeaseOptions
  readonly #heartbeat: Job
  #daemonId: number | undefined

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#heartbeat = new Job('Heartbeat', options.log, () => this.#renew())
  }

  /** The lease owner's id; 0 while this daemon does not own the lease. */
  get daemonId(): number {
    return this.#daemonId ?? 0
  }

  get isHeld(): boolean {
    return this.#daemonId !== undefined
  }

  /** @throws ChatError `setup` that names the pid of the lease owner */
  async assertFree(): Promise<void> {
    await this.#options.daemons.assertFree(hostname())
  }

  /**
   * @param address where this daemon listens: 'ws://127.0.0.1:8089'
   * @throws ChatError `setup` as `assertFree`
   */
  async acquire(address: string): Promise<void> {
    this.#daemonId = await this.#options.daemons.acquire({
      hostname: hostname(),
      pid: process.pid,
      address,
    })
  }

  /** Sends the first heartbeat, and from then on one every HEARTBEAT_MS. */
  async start(): Promise<void> {
    this.#heartbeat.every(HEARTBEAT_MS)
    await this.#renew()
  }

  /** Sends no more heartbeats; resolves when none is under way. */
  async stop(): Promise<void> {
    await this.#heartbeat.stop()
  }

  /** Releases the lease, and with it the rows of its connections. Idempotent. */
  async release(): Promise<void> {
    if (this.#daemonId === undefined) return
    try {
      await this.#options.daemons.release(this.#daemonId)
      this.#daemonId = undefined
    } catch (error) {
      // The next daemon takes over the lease of a dead one.
      if (!(error instanceof ChatError)) throw error
      this.#options.log.warn(`The lease could not be released: ${error.message}`)
    }
  }

  async #renew(): Promise<void> {
    if (this.#daemonId === undefined) return
    const { daemons, report, log, onLost } = this.#options
    if (await daemons.heartbeat(this.#daemonId, report())) return
    log.error('Another chat-websocket has taken over this database')
    this.#daemonId = undefined
    onLost()
  }
}
