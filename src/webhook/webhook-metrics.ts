import type { Webhooks } from '../chat/webhooks.ts'
import type { Metrics } from '../metrics.ts'

/** The metrics of webhooks, in chat-api; the README has the same table. */
export class WebhookMetrics {
  readonly results

  constructor(registry: Metrics, webhooks: Pick<Webhooks, 'backlog'>) {
    const results = ['taken', 'refused', 'failed', 'needless', 'given_up']
    const help = 'Webhooks by what became of them, each post counted'
    this.results = registry.counter('chat_webhooks_total', help, 'result', results)
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
