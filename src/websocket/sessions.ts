import type { RawData } from 'ws'
import type { Audit } from '../auth/audit.ts'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { ClientFrames } from './client-frames.ts'
import { CLOSE, type Close } from './close-codes.ts'
import { Connection } from './connection.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'
import type { Hub } from './hub.ts'
import type { InboundLimits } from './inbound-limits.ts'
import type { Presence } from './presence.ts'
import { recover } from './recovery.ts'
import { SessionChecks } from './session-checks.ts'
import type { Undelivered } from './undelivered.ts'
import type { Accepted } from './upgrade.ts'

/** A logout closes the sockets within a minute or so. */
const SESSION_CHECK_MS = 60_000

export interface SessionsOptions
  extends Pick<
    Config,
    | 'connectionsMax'
    | 'connectionsPerAddressMax'
    | 'connectionsPerUserMax'
    | 'requestRateLimit'
    | 'replayedMessagesMax'
  > {
  chat: Chat
  log: Log
  audit: Audit
  metrics: DaemonMetrics
  hub: Hub
  presence: Presence
  undelivered: Undelivered
  inbound: InboundLimits
  /** The interval of the session checks of one socket, in ms. */
  sessionCheckMs?: number
}

/**
 * The life of each socket: accept (or reject), save its profile, recovery, live, close. A rejection
 * is for a full server, user or address, and for a daemon that starts or shuts down.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #clientFrames: ClientFrames
  readonly #checks: SessionChecks
  /** While the database is away, every client that comes back fails. */
  readonly #outage: Outage
  #isOpen = false

  constructor(options: SessionsOptions) {
    this.#options = options
    const { chat, log, sessionCheckMs: intervalMs = SESSION_CHECK_MS } = options
    this.#clientFrames = new ClientFrames(chat, log, options)
    const onEnded = (connection: Connection) => this.#sessionOnEnded(connection)
    this.#outage = new Outage(
      log,
      'Clients cannot be sent what they missed, and are closed',
      'Clients are sent what they missed again',
    )
    this.#checks = new SessionChecks({ log, intervalMs, onEnded })
  }

  /** Accepts sockets from now on. */
  start(): void {
    this.#isOpen = true
  }

  /** Rejects sockets from now on. */
  stop(): void {
    this.#isOpen = false
    this.#checks.stop()
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Opens the session of a socket, or returns the close code to reject it with. */
  open(accepted: Accepted): Close | undefined {
    const rejection = this.#rejectionOf(accepted)
    if (rejection !== undefined) return rejection
    const { socket, stream, userId, address, expiresAt, verifyAgain } = accepted
    const connection = new Connection(socket, stream, userId, address)
    this.#options.inbound.attach(connection, socket, stream)
    socket.on('message', (data) => this.#socketOnMessage(connection, data))
    socket.on('close', () => this.#socketOnClose(connection))
    if (expiresAt !== undefined) connection.expireAt(expiresAt)
    if (verifyAgain !== undefined) this.#checks.add(connection, verifyAgain)
    void this.#start(connection, accepted)
    return undefined
  }

  #rejectionOf({ userId, address }: Accepted): Close | undefined {
    const { hub, connectionsMax, connectionsPerUserMax } = this.#options
    if (!this.#isOpen) return CLOSE.restarting
    const isFull = hub.connectionCount >= connectionsMax
    const isUserFull = hub.of(userId).size >= connectionsPerUserMax
    if (!isFull && !isUserFull && !this.#isAddressFull(address)) return undefined
    return CLOSE.tooManyConnections
  }

  #isAddressFull(address: string): boolean {
    const { hub, audit, connectionsPerAddressMax: max } = this.#options
    if (max === 0 || hub.countFrom(address) < max) return false
    audit.note('refused', address, 'too many sockets of this address')
    return true
  }

  /** Adds the connection to the hub before the first await: from then on it misses no event. */
  async #start(connection: Connection, { profile, lastMessageId }: Accepted): Promise<void> {
    const { hub, presence, undelivered } = this.#options
    hub.add(connection)
    const context = {
      ...this.#options,
      undelivered: undelivered.for(connection.userId),
      userCount: hub.userCount,
    }
    try {
      await presence.opened(connection, profile)
      hub.goLive(connection, await recover(connection, lastMessageId, context))
      if (lastMessageId !== undefined) this.#outage.worked()
    } catch (error) {
      this.#outage.failed(error)
      connection.close(CLOSE.failed)
    }
  }

  async #socketOnMessage(connection: Connection, data: RawData): Promise<void> {
    if (!(await this.#options.inbound.accepts(connection))) return
    await this.#clientFrames.handle(connection, String(data))
  }

  #socketOnClose(connection: Connection): void {
    const { hub, metrics, presence, undelivered } = this.#options
    this.#checks.remove(connection)
    if (connection.closedWith !== undefined) metrics.closed(connection.closedWith)
    hub.remove(connection)
    const isLast = hub.of(connection.userId).size === 0
    if (isLast) undelivered.drop(connection.userId)
    presence.closed(connection, isLast)
  }

  #sessionOnEnded(connection: Connection): void {
    connection.close(CLOSE.signedOut)
    const { audit } = this.#options
    audit.note('disconnected', connection.address, `user ${connection.userId}, no longer logged in`)
  }
}
