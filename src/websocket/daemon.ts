import type { Audit } from '../auth/audit.ts'
import type { Authenticate } from '../auth/authenticate.ts'
import type { Refusals } from '../auth/operator.ts'
import type { Chat } from '../chat/chat.ts'
import type { DaemonReport } from '../chat/model.ts'
import type { EventTail } from '../chat/store.ts'
import type { Config } from '../config/config.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import type { Certificate } from '../tls.ts'
import { Broadcaster } from './broadcaster.ts'
import { CLOSE, type Close } from './close-codes.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'
import { createHttpHandler } from './health.ts'
import { Hub } from './hub.ts'
import { InboundLimits } from './inbound-limits.ts'
import { type Doorbell, Poller } from './poller.ts'
import { Presence } from './presence.ts'
import { Registration } from './registration.ts'
import { Sessions, type SessionsOptions } from './sessions.ts'
import { Undelivered } from './undelivered.ts'
import { UpgradeServer } from './upgrade.ts'

/** The default of `undeliveredMs`: the time for a phone to notice, back off and reconnect. */
const UNDELIVERED_MS = 30_000
/** The interval at which rows of delivered events are deleted, and the lag is measured. */
const UPKEEP_INTERVAL_MS = 1_000
/** The time for sockets to close in a graceful shutdown before they are cut. */
const CLOSE_ALL_MS = 3_000

interface DaemonParts {
  chat: Chat
  log: Log
  audit: Audit
  authenticate: Authenticate
  refusals: Refusals
  metrics: DaemonMetrics
  /** Undefined to rely on the tick alone. */
  doorbell: Doorbell | undefined
  certificate: Certificate | undefined
  /** Called when another daemon has taken over: this one must stop. */
  onLost: () => void
}

export interface DaemonTimes extends Pick<SessionsOptions, 'sessionCheckMs'> {
  /** The interval of the heartbeats. */
  heartbeatMs?: number
  /** How long after a start Undelivered is open for clients that reconnect, in ms. */
  undeliveredMs?: number
}

/** The daemon: polls pending_events and broadcasts each event to the sockets of its receivers. */
export class Daemon {
  readonly #parts: DaemonParts
  readonly #config: Config
  readonly #times: DaemonTimes
  readonly #hub = new Hub()
  readonly #undelivered = new Undelivered()
  readonly #registration: Registration
  readonly #presence: Presence
  readonly #sessions: Sessions
  readonly #poller: Poller
  readonly #server: UpgradeServer
  readonly #upkeep: Job
  readonly #timers: NodeJS.Timeout[] = []
  /** Undefined until the daemon is registered. */
  #tail: EventTail | undefined
  /** The maxima since the last heartbeat. */
  #worst = { lagSeconds: 0, pollMs: 0 }

  constructor(parts: DaemonParts, config: Config, times: DaemonTimes = {}) {
    this.#parts = parts
    this.#config = config
    this.#times = times
    const { chat, log, metrics } = parts
    const shared = { ...parts, hub: this.#hub, undelivered: this.#undelivered }
    const inbound = new InboundLimits()
    this.#registration = new Registration({
      daemons: chat.daemons,
      log,
      report: () => this.#report(),
      onRegisteredAgain: () => this.#hub.closeAll(CLOSE.eventsLost),
      onLost: parts.onLost,
      heartbeatMs: times.heartbeatMs,
    })
    const daemonId = () => this.#registration.daemonId
    const { connections, clock } = chat
    this.#presence = new Presence({ ...config, connections, clock, log, daemonId })
    const presence = this.#presence
    this.#sessions = new Sessions({ ...config, ...times, ...shared, presence, inbound })
    const broadcaster = new Broadcaster({ ...config, ...shared })
    this.#poller = new Poller({
      receivers: () => (this.#undelivered.isOpen ? undefined : this.#hub.users),
      broadcast: (events) => broadcaster.broadcast(events),
      onGap: (isAffected) => this.#hub.closeAll(CLOSE.eventsLost, isAffected),
      log,
      intervalMs: config.pollIntervalMs,
      doorbell: parts.doorbell,
      onPolled: (seconds) => this.#pollerOnPolled(seconds),
    })
    const pollAgeMs = () => (this.#sessions.isOpen ? this.#poller.pollAgeMs : undefined)
    const onRequest = createHttpHandler({ ...config, ...parts, pollAgeMs })
    const onAccepted = this.#sessions.open.bind(this.#sessions)
    this.#server = new UpgradeServer({ ...parts, inbound, onAccepted, onRequest }, config)
    this.#upkeep = new Job('Deleting delivered events', log, () => this.#deleteDelivered())
    metrics.addGauges({
      hub: this.#hub,
      lagSeconds: () => this.#lagSeconds(),
      pollAgeMs: () => this.#poller.pollAgeMs,
    })
  }

  /**
   * Assert that no other daemon excludes this one → bind the port → register → broadcast what is
   * pending into `undelivered` → accept sockets. Resolves with the port.
   *
   * @throws ChatError `setup` when the port cannot be bound, or while another daemon lives and the
   *   engine takes only one
   */
  async start(): Promise<number> {
    // Before the port is bound: an error that names the other daemon says more than "port in use".
    await this.#registration.assertFree()
    const { port, url } = await this.#server.open()
    this.#tail = this.#parts.chat.events.tail(await this.#registration.register(url))
    await this.#poller.start(this.#tail)
    await this.#registration.start()
    this.#upkeep.every(UPKEEP_INTERVAL_MS)
    const { undeliveredMs = UNDELIVERED_MS } = this.#times
    this.#timers.push(setTimeout(() => this.#undelivered.close(), undeliveredMs))
    this.#timers.push(setInterval(() => this.#hub.checkAlive(), this.#config.pingIntervalMs))
    this.#sessions.start()
    return port
  }

  /** Uses another certificate for new connections. */
  useCertificate(certificate: Certificate): void {
    this.#server.useCertificate(certificate)
  }

  /**
   * Graceful shutdown: reject sockets → stop polling → close the sockets with this code → delete
   * delivered events → unregister. Events committed after the last poll stay pending for the next
   * daemon. Idempotent.
   */
  async stop(close: Close = CLOSE.stopping): Promise<void> {
    this.#sessions.stop()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#server.close()
    await this.#poller.stop()
    await this.#closeSockets(close)
    this.#server.closeAllConnections()
    await this.#presence.stop()
    await this.#upkeep.stop()
    await this.#registration.stop()
    if (!this.#registration.isHeld) return
    await this.#upkeep.runNow()
    await this.#registration.unregister()
  }

  async #closeSockets(close: Close): Promise<void> {
    this.#hub.closeAll(close)
    const deadline = performance.now() + CLOSE_ALL_MS
    while (this.#hub.connectionCount > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** At-least-once delivery: a crash before the delete repeats an event rather than loses it. */
  async #deleteDelivered(): Promise<void> {
    this.#worst.lagSeconds = Math.max(this.#worst.lagSeconds, await this.#lagSeconds())
    while (await this.#tail?.deleteRead(this.#undelivered.kept)) await new Promise(setImmediate)
  }

  /** Stored times are whole seconds; the age of the last good poll bounds the lag more closely. */
  async #lagSeconds(): Promise<number> {
    const seconds = (await this.#tail?.waitedSeconds()) ?? 0
    return Math.min(seconds, Math.floor(this.#poller.pollAgeMs / 1000))
  }

  #pollerOnPolled(seconds: number): void {
    this.#parts.metrics.pollSeconds.observe(seconds)
    this.#worst.pollMs = Math.max(this.#worst.pollMs, seconds * 1000)
  }

  #report(): DaemonReport {
    const { chat, metrics } = this.#parts
    const polledAt = new Date(chat.clock.now().getTime() - this.#poller.pollAgeMs)
    const { position } = this.#tail as EventTail
    const report = { ...this.#worst, position, deliveredCount: metrics.deliveredCount, polledAt }
    this.#worst = { lagSeconds: 0, pollMs: 0 }
    return report
  }
}
