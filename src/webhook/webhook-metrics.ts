import type { Webhooks } from '../chat/webhooks.ts'
import type { Metrics } from '../metrics.ts'

/** The metrics of webhooks, in chat-api; the README has the same table. */
export class WebhookMetrics {
  /** Webhooks by what became of them. */
  readonly results = { taken: 0, refused: 0, failed: 0, needless: 0, given_up: 0 }

  constructor(registry: Metrics, webhooks: Pick<Webhooks, 'backlog'>) {
    const help = 'Webhooks by what became of them, each post counted'
    registry.totals('chat_webhooks_total', help, 'result', this.results)
    registry.gauge(
      'chat_webhooks_waiting',
      'Messages that wait to be pushed, or for the socket of their receiver to prove alive',
      async () => (await webhooks.backlog()).count,
    )
    registry.gauge(
      'chat_webhooks_oldest_seconds',
      'Since when the oldest of them waits',
      async () => (await webhooks.backlog()).oldestSeconds,
    )
  }
}
