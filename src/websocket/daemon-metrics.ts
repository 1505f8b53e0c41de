import type { Metrics } from '../metrics.ts'
import { CLOSE, type Close } from './close-codes.ts'
import type { Hub } from './hub.ts'

/** Upper bounds in seconds: an empty poll takes microseconds, and a tick comes every 10 ms. */
const POLL_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
/** Lower close codes are the protocol's own: a peer that left, a graceful shutdown. */
const REFUSING_CODE_MIN = 4400

interface DaemonGauges {
  hub: Hub
  lagSeconds: () => Promise<number>
  pollAgeMs: () => number
}

/** The metrics of the daemon; the README has the same table. */
export class DaemonMetrics {
  readonly registry: Metrics
  readonly pollSeconds
  readonly slowConsumers
  readonly refusals
  /** Events that reached at least one socket. */
  deliveredCount = 0

  constructor(registry: Metrics, walBytes: () => number) {
    this.registry = registry
    registry.total(
      'chat_events_delivered_total',
      'Events that reached at least one socket',
      () => this.deliveredCount,
    )
    this.pollSeconds = registry.histogram(
      'chat_poll_seconds',
      'Duration of a poll of pending_events, with handing on what it found',
      POLL_BUCKETS,
    )
    this.slowConsumers = registry.counter(
      'chat_slow_consumers_closed_total',
      'Sockets closed because their reader did not keep up',
    )
    this.refusals = registry.counter(
      'chat_refusals_total',
      'Sockets refused or closed, by close code, or by HTTP status before they were sockets',
      'reason',
    )
    registry.gauge('chat_wal_bytes', "Size of the database's write-ahead log", walBytes)
  }

  addGauges({ hub, lagSeconds, pollAgeMs }: DaemonGauges): void {
    const { registry } = this
    registry.gauge('chat_connections', 'Sockets', () => hub.connectionCount)
    registry.gauge('chat_users', 'Users with at least one socket', () => hub.userCount)
    registry.gauge('chat_buffered_bytes', 'Bytes that clients have not taken yet', () =>
      hub.bufferedBytes(),
    )
    registry.gauge(
      'chat_event_lag_seconds',
      'How long the oldest event that is not sent yet waits',
      lagSeconds,
    )
    registry.gauge(
      'chat_poll_age_seconds',
      'Time since the last good poll',
      () => pollAgeMs() / 1000,
    )
  }

  closed({ code }: Close): void {
    if (code === CLOSE.slowConsumer.code) this.slowConsumers.inc()
    else if (code >= REFUSING_CODE_MIN || code === CLOSE.failed.code) this.refused(code)
  }

  /** @param reason a close code, or an HTTP status */
  refused(reason: number): void {
    this.refusals.inc({ reason: String(reason) })
  }
}
