import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import type { DaemonReport, NewDaemon, Position } from '../chat/model.ts'
import { ChatError, hasCode } from '../errors.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { HEARTBEAT_MS } from '../thresholds.ts'

interface RegistrationOptions {
  daemons: Chat['daemons']
  log: Log
  /** What the daemon reports of itself with each heartbeat. */
  report: () => DaemonReport
  /** Called after this daemon had to register again: the rows of its sockets are gone. */
  onRegisteredAgain: () => void
  /** Called when another daemon has taken over: this one must stop. */
  onLost: () => void
  /** The interval of the heartbeats. */
  heartbeatMs?: number | undefined
}

/**
 * The registration of this daemon among those of the store, kept alive by heartbeats. A daemon that
 * was paused for too long is taken for dead, and finds its registration gone: it registers again
 * or, where another one has taken its place, stops.
 */
export class Registration {
  readonly #options: RegistrationOptions
  readonly #heartbeat: Job
  #daemon: NewDaemon | undefined
  #daemonId: number | undefined

  constructor(options: RegistrationOptions) {
    this.#options = options
    this.#heartbeat = new Job('Heartbeat', options.log, () => this.#renew())
  }

  /** 0 while this daemon is not registered. */
  get daemonId(): number {
    return this.#daemonId ?? 0
  }

  get isHeld(): boolean {
    return this.#daemonId !== undefined
  }

  /** @throws ChatError `setup` as Daemons.assertFree */
  async assertFree(): Promise<void> {
    await this.#options.daemons.assertFree(hostname())
  }

  /**
   * @param address where this daemon listens: 'ws://127.0.0.1:8089'
   * @returns the position at which its tail starts
   * @throws ChatError `setup` as Daemons.register
   */
  async register(address: string): Promise<Position | undefined> {
    this.#daemon = { hostname: hostname(), pid: process.pid, address }
    return this.#register(this.#daemon)
  }

  /** Sends the first heartbeat, and from then on one every `heartbeatMs`. */
  async start(): Promise<void> {
    await this.#renew()
    this.#heartbeat.every(this.#options.heartbeatMs ?? HEARTBEAT_MS)
  }

  /** Sends no more heartbeats; resolves when none is under way. */
  async stop(): Promise<void> {
    await this.#heartbeat.stop()
  }

  /** Ends the registration, and with it the rows of its connections. Idempotent. */
  async unregister(): Promise<void> {
    if (this.#daemonId === undefined) return
    const { daemons, report, log } = this.#options
    try {
      await daemons.unregister(this.#daemonId, report())
      this.#daemonId = undefined
    } catch (error) {
      // It ends by itself, as that of a dead daemon does.
      if (!(error instanceof ChatError)) throw error
      log.warn(`The daemon could not be unregistered: ${error.message}`)
    }
  }

  async #register(daemon: NewDaemon): Promise<Position | undefined> {
    const { daemonId, position } = await this.#options.daemons.register(daemon)
    this.#daemonId = daemonId
    return position
  }

  async #renew(): Promise<void> {
    if (this.#daemon === undefined || this.#daemonId === undefined) return
    const { daemons, report } = this.#options
    if (await daemons.heartbeat(this.#daemonId, report())) return
    await this.#registerAgain(this.#daemon)
  }

  /** A store that is away is tried again at the next heartbeat. */
  async #registerAgain(daemon: NewDaemon): Promise<void> {
    const { log, onRegisteredAgain, onLost } = this.#options
    try {
      await this.#register(daemon)
      log.warn('This daemon was taken for dead after a pause; it has registered again')
      onRegisteredAgain()
    } catch (error) {
      if (!hasCode(error, 'setup')) throw error
      log.error('Another chat-websocket has taken over this database')
      this.#daemonId = undefined
      onLost()
    }
  }
}
