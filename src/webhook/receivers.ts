import type { Chat } from '../chat/chat.ts'
import { daemonStatus } from '../chat/daemon-status.ts'
import type { WebhookReceiver } from '../chat/webhooks.ts'
import type { Config } from '../config/config.ts'
import { RECORDED_POLL_STALE_SECONDS } from '../thresholds.ts'
import { Sightings } from './sightings.ts'
import type { WebhookMetrics } from './webhook-metrics.ts'

/** Receivers that one look considers: it takes a millisecond, between the requests of clients. */
const PAGE_RECEIVERS = 500

type ReceiversConfig = Pick<Config, 'webhookDelayMs' | 'pingIntervalMs' | 'offlineDelayMs'>

interface ReceiversParts {
  chat: Pick<Chat, 'daemons' | 'webhooks' | 'clock'>
  /** Of this machine. */
  hostname: string
  metrics: WebhookMetrics
}

/**
 * Decides for which receivers messages are posted.
 *
 * A receiver without a socket, at a daemon that polls, is absent: they are pushed. One who has a
 * socket may be a phone that sleeps, whose socket dies only when it leaves pings unanswered. So
 * their messages are kept until the socket must have answered one since; if it is gone before, they
 * are pushed after all.
 */
export class Receivers {
  readonly #parts: ReceiversParts
  readonly #sightings: Sightings
  readonly #aliveMs: number

  /** @param now ms that only ever grow */
  constructor(parts: ReceiversParts, config: ReceiversConfig, now: () => number) {
    this.#parts = parts
    this.#sightings = new Sightings(config.webhookDelayMs, now)
    this.#aliveMs = aliveMs(config)
  }

  /**
   * The next receivers to post to, who has waited the longest first. Each call considers a page of
   * receivers, and deletes what those with a socket have received.
   */
  async absent(): Promise<number[]> {
    const { clock } = this.#parts.chat
    const page = await this.#page()
    const due = page.filter(({ dueAt }) => dueAt <= clock.stored())
    const online = due.filter(({ isOnline }) => isOnline)
    await this.#deleteReceived(online)
    for (const { userId } of online) this.#sightings.add(userId)
    return due
      .filter(({ userId, isOnline }) => !isOnline && !this.#sightings.isRecent(userId))
      .sort((a, b) => (a.dueAt < b.dueAt ? -1 : 1))
      .map(({ userId }) => userId)
  }

  async #page(): Promise<WebhookReceiver[]> {
    const { chat, hostname } = this.#parts
    const { daemons } = await daemonStatus(chat, hostname)
    const running = daemons.filter(({ state }) => state === 'running')
    const ids = running.map(({ daemonId }) => daemonId)
    return chat.webhooks.receivers(PAGE_RECEIVERS, ids)
  }

  async #deleteReceived(online: WebhookReceiver[]): Promise<void> {
    const { chat, metrics } = this.#parts
    const { clock } = chat
    const provenAt = clock.storedFrom(new Date(clock.now().getTime() - this.#aliveMs))
    const proven = online.filter(({ dueAt }) => dueAt <= provenAt)
    if (proven.length === 0) return
    const userIds = proven.map(({ userId }) => userId)
    const deletedCount = await chat.webhooks.deleteDue(userIds, provenAt)
    metrics.results.needless += deletedCount
  }
}

/**
 * A socket that is there this long after a message has answered a ping that came after it: the next
 * ping comes within an interval, and the one after cuts who left it unanswered. That is written once
 * the user counts as offline; a daemon that died meanwhile, and cuts nobody, is noticed.
 */
function aliveMs({ pingIntervalMs, offlineDelayMs }: ReceiversConfig): number {
  return 2 * pingIntervalMs + offlineDelayMs + RECORDED_POLL_STALE_SECONDS * 1000
}
