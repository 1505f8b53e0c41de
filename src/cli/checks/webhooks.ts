import type { WebhookBacklog } from '../../chat/webhooks.ts'
import type { Config } from '../../config/config.ts'
import { WEBHOOK_WAIT_SECONDS_MAX } from '../../thresholds.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Asks nothing of the application: a post that it took would wake a phone. */
export function checkWebhooks(
  config: Pick<Config, 'webhookUrl' | 'webhookDelayMs' | 'pingIntervalMs'>,
  backlog: WebhookBacklog,
): Finding {
  const name = 'webhooks'
  const { webhookUrl, webhookDelayMs, pingIntervalMs } = config
  if (webhookUrl === '') return ok(name, 'off: CHAT_WEBHOOK_URL is not set')
  const message = `to ${webhookUrl}: ${backlogLine(backlog)}`
  // Those for a receiver with a socket wait until it has answered a ping.
  const waitSeconds = (webhookDelayMs + 2 * pingIntervalMs) / 1000
  if (backlog.oldestSeconds <= waitSeconds + WEBHOOK_WAIT_SECONDS_MAX) return ok(name, message)
  return warning(name, `${message}. See why it is not taken: chat-api logs`)
}

/** One line for the operator. */
export function backlogLine({ count, oldestSeconds }: WebhookBacklog): string {
  return count === 0 ? 'none waits' : `${count} waiting, the oldest for ${oldestSeconds} s`
}
