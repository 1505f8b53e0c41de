import type { Metrics } from '../metrics.ts'

/**
 * Upper bounds in seconds: a commit takes a few ms, and a write to a locked database fails at 5 s.
 */
const SEND_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface ApiGauges {
  walBytes: () => number
  retriedCount: () => number
  lagSeconds: () => Promise<number>
  /** The daemons that run. */
  daemonCount: () => Promise<number>
}

/** The metrics of chat-api; the README has the same table. */
export class ApiMetrics {
  readonly registry: Metrics
  readonly gauges: ApiGauges
  /** Messages stored, by type. */
  readonly messages = { text: 0, image: 0, voice: 0 }
  readonly sendSeconds
  readonly refusals

  constructor(registry: Metrics, gauges: ApiGauges) {
    this.registry = registry
    this.gauges = gauges
    registry.totals('chat_messages_total', 'Messages stored', 'type', this.messages)
    this.sendSeconds = registry.histogram(
      'chat_send_seconds',
      'From a request to send being read until its message is on the disk',
      SEND_BUCKETS,
    )
    this.refusals = registry.counter(
      'chat_refusals_total',
      'Requests not done, by HTTP status',
      'reason',
    )
    registry.gauge(
      'chat_event_lag_seconds',
      'How long the oldest event that nobody has been told waits',
      gauges.lagSeconds,
    )
    registry.gauge('chat_daemons', 'Daemons that live and poll', gauges.daemonCount)
    registry.total(
      'chat_write_retries_total',
      'Writes that found the database locked and were tried again',
      gauges.retriedCount,
    )
    registry.gauge('chat_wal_bytes', "Size of the database's write-ahead log", gauges.walBytes)
  }
}
