import { hostname } from 'node:os'
import type { RawData } from 'ws'
import type { Audit } from '../audit.ts'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Refusals } from '../auth/operator.ts'
import type { Chat } from '../chat/chat.ts'
import type { PendingEvent } from '../chat/model.ts'
import { DISCONNECT_EVENT } from '../chat/rules.ts'
import type { EventTail } from '../chat/store.ts'
import type { Presence as Audience } from '../config.ts'
import { ChatError } from '../errors.ts'
import type { Chore } from '../housekeeping.ts'
import type { Log } from '../log.ts'
import { processStartedAt } from '../process-identity.ts'
import type { RateLimit } from '../rate-limits.ts'
import type { Certificate } from '../tls.ts'
import { Backlog } from './backlog.ts'
import { catchUp } from './catch-up.ts'
import { ClientEventLimits, handleClientFrame } from './client-events.ts'
import { CLOSE, type Close, Connection } from './connection.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'
import { Door, type DoorOptions, type Visitor } from './door.ts'
import type { Handshake } from './handshake.ts'
import { Hub } from './hub.ts'
import { InboundLimits } from './inbound-limits.ts'
import { createPlainHttp } from './plain-http.ts'
import { type Doorbell, Poller } from './poller.ts'
import { Presence } from './presence.ts'
import { Roster } from './roster.ts'
import { SessionChecks } from './session-checks.ts'

/** `backlogMs`, unless given: what a phone takes to notice, wait and come back. */
const BACKLOG_MS = 30_000
/** `sessionCheckMs`, unless given: a logout closes the sockets within a minute or so. */
const SESSION_CHECK_MS = 60_000
/** Typing and status are news for a moment; a daemon that was down longer drops them. */
const EPHEMERAL_MS = 60_000
/** How long closing sockets may take before they are cut. */
const CLOSE_ALL_MS = 3_000

export interface DaemonParts {
  chat: Chat
  log: Log
  audit: Audit
  authenticate: Authenticate
  refusals: Refusals
  /** How many sockets an address may open. */
  connects: RateLimit
  metrics: DaemonMetrics
  /** What brings polls forward; undefined to rely on the tick alone. */
  doorbell: Doorbell | undefined
  /** Why nothing can be stored; undefined while it can, as far as one look tells. */
  databaseProblem: () => string | undefined
}

export interface DaemonOptions extends DoorOptions {
  metricsSecret: string
  pollIntervalMs: number
  /** 0 = off. */
  connectionsPerAddressMax: number
  connectionsPerUserMax: number
  /** Receipts that a user may give in a minute; 0 = off. */
  requestRateLimit: number
  /** Who hears when somebody comes online or goes. */
  presence: Audience
  /** How long after the last socket a user counts as online, in ms. */
  offlineDelayMs: number
  /** How often each socket has to show that it is alive, in ms. */
  pingIntervalMs: number
  /** Missed messages that a reconnecting client is told; more, and it is to refetch. */
  replayedMessagesMax: number
  /** How long after a start clients may come back and still be told what they missed, in ms. */
  backlogMs?: number
  /** After how long it is asked again whether a socket's user is still logged in, in ms. */
  sessionCheckMs?: number
  /** Called when the daemon finds that it must not go on: another one has taken its place. */
  onLost: () => void
}

/**
 * The daemon: polls pending_events and broadcasts each event to the sockets it is for.
 *
 * start: make sure that no other daemon lives → bind the port → take the lease → drain what is
 * pending into the backlog → accept sockets.
 * stop: refuse sockets → stop polling → close the sockets → delete what was delivered → release the
 * lease, and with it the rows of whoever was connected. What is committed after the last poll stays
 * pending for the successor.
 */
export class Daemon {
  readonly #parts: DaemonParts
  readonly #options: DaemonOptions
  readonly #hub = new Hub()
  readonly #backlog = new Backlog()
  readonly #inbound = new InboundLimits()
  readonly #clientEventLimits: ClientEventLimits
  readonly #sessionChecks: SessionChecks
  readonly #roster: Roster
  readonly #presence: Presence
  readonly #tail: EventTail
  readonly #poller: Poller
  readonly #door: Door
  readonly #timers: NodeJS.Timeout[] = []
  #daemonId: number | undefined
  #isAccepting = false
  /** Since the last heartbeat. */
  #worst = { lagSeconds: 0, pollMs: 0 }

  constructor(parts: DaemonParts, options: DaemonOptions) {
    this.#parts = parts
    this.#options = options
    const { chat, log, doorbell } = parts
    const { pollIntervalMs: intervalMs, presence: audience, offlineDelayMs } = options
    const hub = this.#hub
    this.#clientEventLimits = new ClientEventLimits(options.requestRateLimit)
    const onEnded = (connection: Connection) => this.#sessionOnEnded(connection)
    const { sessionCheckMs = SESSION_CHECK_MS } = options
    this.#sessionChecks = new SessionChecks({ log, intervalMs: sessionCheckMs, onEnded })
    this.#roster = new Roster(chat.users, chat.connections, log)
    const recorded = () => this.#roster.recorded()
    const onOffline = this.#roster.remove.bind(this.#roster)
    this.#presence = new Presence({ hub, chat, log, audience, offlineDelayMs, recorded, onOffline })
    const deliver = (event: PendingEvent) => this.#deliver(event)
    const onPolled = (seconds: number) => this.#pollerOnPolled(seconds)
    const tail = chat.events.tail()
    this.#tail = tail
    this.#poller = new Poller({ tail, deliver, log, intervalMs, doorbell, onPolled })
    const onVisitor = (visitor: Visitor) => this.#doorOnVisitor(visitor)
    const onPlainHttp = createPlainHttp({
      metrics: parts.metrics.registry,
      metricsSecret: options.metricsSecret,
      databaseProblem: parts.databaseProblem,
      refusals: parts.refusals,
      pollAgeMs: () => (this.#isAccepting ? this.#poller.pollAgeMs : undefined),
    })
    this.#door = new Door({ ...parts, inbound: this.#inbound, onVisitor, onPlainHttp }, options)
    this.#addGauges(parts.metrics)
  }

  /**
   * Resolves with the port once sockets are accepted.
   *
   * @throws the system's error (EADDRINUSE), or a ChatError `setup` while another daemon lives
   */
  async start(): Promise<number> {
    const { clock, daemons, events } = this.#parts.chat
    // Before the port is bound: both daemons want the same one, and "in use" says less than the pid.
    await daemons.assertFree(hostname())
    const { port, url } = await this.#door.open()
    await this.#takeLease(url)
    await events.deleteStale(clock.storedFrom(new Date(clock.now().getTime() - EPHEMERAL_MS)))
    await this.#poller.start()
    await this.#beat()
    const { backlogMs = BACKLOG_MS, pingIntervalMs } = this.#options
    this.#timers.push(setTimeout(() => this.#backlog.close(), backlogMs))
    this.#timers.push(setInterval(() => this.#hub.checkAlive(), pingIntervalMs))
    this.#isAccepting = true
    return port
  }

  /** Uses another certificate for the connections to come. */
  useCertificate(certificate: Certificate): void {
    this.#door.useCertificate(certificate)
  }

  /** Closes every socket with this code; resolves when nothing is left. Safe to call twice. */
  async stop(close: Close = CLOSE.stopping): Promise<void> {
    this.#isAccepting = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#sessionChecks.stop()
    this.#door.close()
    await this.#poller.stop()
    await this.#closeSockets(close)
    this.#door.closeAllConnections()
    await this.#presence.stop()
    await this.#roster.settled()
    await this.#leave()
  }

  /** What cannot be written now a successor copes with: events that were sent, the lease of the dead. */
  async #leave(): Promise<void> {
    if (this.#daemonId === undefined) return
    try {
      await this.#deleteDelivered()
      await this.#parts.chat.daemons.release(this.#daemonId)
      this.#daemonId = undefined
    } catch (error) {
      if (!(error instanceof ChatError)) throw error
      this.#parts.log.warn(`The lease could not be released: ${error.message}`)
    }
  }

  /** What has to be done now and then while the daemon runs. */
  chores(): Chore[] {
    return [
      {
        name: 'Deleting delivered events',
        schedule: '* * * * * *',
        run: () => this.#deleteDelivered(),
      },
      { name: 'Watching the lag', schedule: '* * * * * *', run: () => this.#watchLag() },
      { name: 'Heartbeat', schedule: '*/5 * * * * *', run: () => this.#beat() },
    ]
  }

  #addGauges({ registry }: DaemonMetrics): void {
    const hub = this.#hub
    registry.gauge('chat_connections', 'Sockets', () => hub.connectionCount)
    registry.gauge('chat_users', 'Users with at least one socket', () => hub.userCount)
    registry.gauge(
      'chat_event_lag_seconds',
      'How long the oldest event that nobody has been told waits',
      () => this.#lagSeconds(),
    )
    registry.gauge(
      'chat_poll_age_seconds',
      'Time since the last good poll',
      () => this.#poller.pollAgeMs / 1000,
    )
  }

  /** Stored times are whole seconds; but what waits has come since the last good poll. */
  async #lagSeconds(): Promise<number> {
    const seconds = await this.#tail.waitedSeconds()
    return Math.min(seconds, Math.floor(this.#poller.pollAgeMs / 1000))
  }

  #pollerOnPolled(seconds: number): void {
    this.#parts.metrics.pollSeconds.observe(seconds)
    this.#worst.pollMs = Math.max(this.#worst.pollMs, seconds * 1000)
  }

  async #watchLag(): Promise<void> {
    this.#worst.lagSeconds = Math.max(this.#worst.lagSeconds, await this.#lagSeconds())
  }

  async #takeLease(address: string): Promise<void> {
    this.#daemonId = await this.#parts.chat.daemons.acquire({
      hostname: hostname(),
      pid: process.pid,
      processStartedAt: processStartedAt(process.pid) ?? '',
      address,
    })
  }

  async #beat(): Promise<void> {
    if (this.#daemonId === undefined) return
    if (await this.#writePulse(this.#daemonId)) return
    this.#parts.log.error('Another chat-websocket has taken over this database')
    this.#daemonId = undefined
    this.#options.onLost()
  }

  /** Resolves with whether the lease is still this daemon's. */
  async #writePulse(daemonId: number): Promise<boolean> {
    const { pollAgeMs } = this.#poller
    const { position } = this.#tail
    const polledAt = new Date(this.#parts.chat.clock.now().getTime() - pollAgeMs)
    const { deliveredCount } = this.#parts.metrics
    const pulse = { ...this.#worst, position, deliveredCount }
    this.#worst = { lagSeconds: 0, pollMs: 0 }
    return this.#parts.chat.daemons.heartbeat(daemonId, polledAt, pulse)
  }

  #deliver(event: PendingEvent): void {
    const isDelivered = this.#hub.deliver(event)
    if (event.event === DISCONNECT_EVENT) {
      this.#noteDisconnected(event)
      return
    }
    if (isDelivered) this.#parts.metrics.deliveredCount += 1
    this.#backlog.add(event, isDelivered)
  }

  #noteDisconnected({ userId }: PendingEvent): void {
    for (const connection of userId === null ? this.#hub.all() : this.#hub.of(userId)) {
      this.#noteDisconnect(connection, 'signed out')
    }
  }

  #sessionOnEnded(connection: Connection): void {
    connection.close(CLOSE.signedOut)
    this.#noteDisconnect(connection, 'no longer logged in')
  }

  #noteDisconnect({ userId, address }: Connection, why: string): void {
    this.#parts.audit.note('disconnected', address, `user ${userId}, ${why}`)
  }

  /** Deliver first, delete after: a crash in between repeats an event rather than loses it. */
  async #deleteDelivered(): Promise<void> {
    while (await this.#tail.deleteRead(this.#backlog.held)) await new Promise(setImmediate)
  }

  #doorOnVisitor(visitor: Visitor): Close | undefined {
    const { socket, stream, userId, address, expiresAt, verifyAgain } = visitor
    const refusal = this.#refusalFor(visitor)
    if (refusal !== undefined) return refusal
    const connection = new Connection(socket, stream, userId, address)
    this.#inbound.watch(connection, socket, stream)
    socket.on('message', (data) => this.#socketOnMessage(connection, data))
    socket.on('close', () => this.#socketOnClose(connection))
    if (expiresAt !== undefined) connection.expireAt(expiresAt)
    if (verifyAgain !== undefined) this.#sessionChecks.add(connection, verifyAgain)
    this.#connectionOpened(connection, visitor)
    return undefined
  }

  #refusalFor({ userId, address }: Visitor): Close | undefined {
    const { connectionsMax, connectionsPerUserMax } = this.#options
    if (!this.#isAccepting) return CLOSE.restarting
    const isFull = this.#hub.connectionCount >= connectionsMax
    const isUserFull = this.#hub.of(userId).size >= connectionsPerUserMax
    if (!isFull && !isUserFull && !this.#isAddressFull(address)) return undefined
    return CLOSE.tooManyConnections
  }

  #isAddressFull(address: string): boolean {
    const { connectionsPerAddressMax: max } = this.#options
    if (max === 0 || this.#hub.countFrom(address) < max) return false
    this.#parts.audit.note('refused', address, 'too many sockets of this address')
    return true
  }

  /** All in one turn: nobody may find a connection in one place that is not in the others yet. */
  #connectionOpened(connection: Connection, { profile, lastMessageId }: Handshake): void {
    this.#hub.add(connection)
    const profileSaved = this.#roster.add(connection, profile, this.#daemonId as number)
    const closedBefore = this.#presence.opened(connection)
    if (closedBefore !== undefined) this.#roster.remove(closedBefore)
    this.#catchUp(connection, lastMessageId, profileSaved)
  }

  #socketOnClose(connection: Connection): void {
    this.#sessionChecks.remove(connection)
    if (connection.closedWith !== undefined) this.#parts.metrics.closed(connection.closedWith)
    this.#hub.remove(connection)
    if (this.#hub.of(connection.userId).size > 0) {
      this.#roster.remove(connection)
    } else {
      this.#backlog.forget(connection.userId)
      this.#presence.closedLast(connection)
    }
  }

  async #catchUp(
    connection: Connection,
    lastMessageId: number | undefined,
    profileSaved: Promise<void>,
  ): Promise<void> {
    const { replayedMessagesMax } = this.#options
    try {
      await catchUp(connection, lastMessageId, {
        chat: this.#parts.chat,
        log: this.#parts.log,
        backlog: this.#backlog,
        profileSaved,
        userCount: this.#hub.userCount,
        replayedMessagesMax,
      })
    } catch (error) {
      this.#parts.log.error(`User ${connection.userId} could not be told what it missed`, error)
      connection.close(CLOSE.failed)
    }
  }

  async #socketOnMessage(connection: Connection, data: RawData): Promise<void> {
    if (!(await this.#inbound.accepts(connection))) return
    const { chat, log } = this.#parts
    const context = { chat, hub: this.#hub, log, limits: this.#clientEventLimits }
    await handleClientFrame(connection, String(data), context)
  }

  async #closeSockets(close: Close): Promise<void> {
    this.#hub.closeAll(close)
    const deadline = performance.now() + CLOSE_ALL_MS
    while (this.#hub.connectionCount > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
