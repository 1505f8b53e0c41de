import { onTestFinished } from 'vitest'
import type { Chat } from '../../src/chat/chat.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import { Metrics } from '../../src/metrics.ts'
import { Poster } from '../../src/webhook/poster.ts'
import { WebhookMetrics } from '../../src/webhook/webhook-metrics.ts'
import { HERE } from '../store/opened-store.ts'
import { openChat } from '../support/open-chat.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'

/** A clock that stands still until a test moves it on. */
class Clock {
  #ms = Date.now()
  readonly now = (): Date => new Date(this.#ms)
  readonly monotonic = (): number => this.#ms

  advance(ms: number): void {
    this.#ms += ms
  }
}

/** How long after a send its message is due: to the next second. */
export const DUE_MS = 1_000

/**
 * A chat without its services, and a poster on it that tells a shop of its messages. Unless `shop` is
 * given, the shop is open.
 */
export async function openPoster(settings: Record<string, string> = {}, given?: TestShop) {
  const shop = given ?? (await TestShop.open())
  const config = readConfig(settings, shop.settings)
  const clock = new Clock()
  const { webhookUrl, webhookDelayMs } = config
  const opened = await openChat({ webhookUrl, webhookDelayMs, now: clock.now })
  const looked = watchLooks(opened.chat)
  const lines: string[] = []
  const log = createLog('text', (line) => void lines.push(line))
  const registry = new Metrics()
  const metrics = new WebhookMetrics(registry, opened.chat.webhooks)
  const parts = {
    chat: opened.chat,
    log,
    metrics,
    claim: async () => true,
    hostname: HERE.hostname,
  }
  const poster = new Poster(parts, config, { lookIntervalMs: 10, now: clock.monotonic })
  onTestFinished(() => poster.stop())
  const countOf = (result: keyof typeof metrics.results) => metrics.results[result]
  return { ...opened, shop, poster, clock, lines, countOf, looked }
}

/** Returns what waits until a poster has looked for receivers once more: whatever it found is posted. */
function watchLooks({ daemons }: Pick<Chat, 'daemons'>): () => Promise<void> {
  let count = 0
  const list = daemons.list.bind(daemons)
  daemons.list = (hostname) => {
    count += 1
    return list(hostname)
  }
  return async () => {
    const enough = count + 3
    await waitFor(() => count >= enough, 'some looks')
  }
}
