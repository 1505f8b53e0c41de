import type { Chat } from '../chat/chat.ts'
import type { Message } from '../chat/model.ts'
import { isEitherBlocked, isForgotten } from '../chat/rules.ts'
import type { WaitingWebhook } from '../chat/webhooks.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { backoffMs } from './backoff.ts'
import { Claim } from './claim.ts'
import { Pause } from './pause.ts'
import { Receivers } from './receivers.ts'
import { Shop } from './shop.ts'
import type { WebhookMetrics } from './webhook-metrics.ts'

const LOOK_INTERVAL_MS = 250
/** One look in so many while nothing may be posted: sends do not pay for an application that is down. */
const PAUSED_LOOKS = 8
/** A turn of one receiver; then it is looked whether they still have no socket. */
const TURN_MS = 1_000
const TURN_MESSAGES = 50
/** The wait of a receiver whose message was not taken; others go on. */
const RECEIVER_MS_MIN = 5_000
const RECEIVER_MS_MAX_FAILED = 60_000
/** A user whom the application does not know is asked for all day. */
const RECEIVER_MS_MAX_REFUSED = 15 * 60_000
const GIVING_UP_INTERVAL_MS = 60_000
/** Nobody wants to be woken by what was written a day ago. */
const KEPT_MS = 24 * 60 * 60 * 1000

type PosterConfig = Pick<
  Config,
  'webhookUrl' | 'webhookSecret' | 'webhookDelayMs' | 'pingIntervalMs' | 'offlineDelayMs'
>

interface PosterParts {
  chat: Pick<Chat, 'webhooks' | 'daemons' | 'blocks' | 'wire' | 'clock'>
  log: Log
  metrics: WebhookMetrics
  /** As OpenedStore.claim, for this job. */
  claim: (seconds: number) => Promise<boolean>
  /** Of this machine. */
  hostname: string
}

/** What a test sets; each has its default above. */
interface PosterTimes {
  lookIntervalMs?: number
  /** ms that only ever grow */
  now?: () => number
}

/**
 * Posts the messages of absent receivers to the shop's application: at least once, in order for each
 * receiver, one at a time for each. A message stays in the store until it is taken, so that a crash
 * repeats at most what was under way.
 */
export class Poster {
  readonly #parts: PosterParts
  readonly #shop: Shop
  readonly #pause: Pause
  readonly #claim: Claim
  readonly #receivers: Receivers
  readonly #refusals: Outage
  readonly #givingUp: Outage
  readonly #jobs: Job[]
  readonly #now: () => number
  /** Receivers whose turn comes next. */
  readonly #ready = new Set<number>()
  /** Receivers whose turn it is. */
  readonly #turns = new Map<number, Promise<void>>()
  /** Messages that were taken, and could not be deleted. */
  readonly #taken = new Set<number>()
  #lookCount = 0
  #isStopping = false

  constructor(parts: PosterParts, config: PosterConfig, times: PosterTimes = {}) {
    const { log, claim } = parts
    const { lookIntervalMs = LOOK_INTERVAL_MS, now = () => performance.now() } = times
    this.#parts = parts
    this.#now = now
    this.#shop = new Shop(config)
    this.#pause = new Pause(log, now)
    this.#claim = new Claim(claim, now)
    this.#receivers = new Receivers(parts, config, now)
    const quietMs = RECEIVER_MS_MAX_REFUSED
    this.#refusals = new Outage(
      log,
      'A webhook was refused',
      'No webhook is refused any more',
      quietMs,
    )
    this.#givingUp = new Outage(
      log,
      'Webhooks are given up',
      'No webhook is given up any more',
      quietMs,
    )
    this.#jobs = [
      new Job('Looking for webhooks', log, () => this.#look()).every(lookIntervalMs),
      new Job('Giving up webhooks', log, () => this.giveUp()).every(GIVING_UP_INTERVAL_MS),
    ]
  }

  /** Deletes the messages that have waited for a day; does so every minute by itself. */
  async giveUp(): Promise<void> {
    if (!(await this.#claim.renew())) return
    const { webhooks, clock } = this.#parts.chat
    for (;;) {
      const count = await webhooks.deleteOld(clock.storedIn(-KEPT_MS))
      if (count === 0) return
      this.#count('given_up', count)
      this.#givingUp.failed(new ChatError('unavailable', 'they have waited for a day'))
    }
  }

  /** Resolves when the posts that are under way have ended. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#jobs.map((job) => job.stop()))
    await Promise.all(this.#turns.values())
    await this.#claim.release()
  }

  /** Goes on while the application takes nothing: what receivers with a socket have is deleted. */
  async #look(): Promise<void> {
    this.#lookCount += 1
    if (!this.#pause.isOver && this.#lookCount % PAUSED_LOOKS > 0) return
    if (!(await this.#claim.renew())) return
    const absent = await this.#receivers.absent()
    this.#ready.clear()
    for (const userId of absent) if (!this.#turns.has(userId)) this.#ready.add(userId)
    this.#startTurns()
  }

  #startTurns(): void {
    for (const userId of this.#ready) {
      if (!this.#mayPost || this.#turns.size >= this.#pause.postsMax) return
      this.#ready.delete(userId)
      this.#turns.set(userId, this.#turnOf(userId))
    }
  }

  get #mayPost(): boolean {
    return !this.#isStopping && this.#pause.isOver && this.#claim.isHeld
  }

  /** Never rejects. */
  async #turnOf(userId: number): Promise<void> {
    const startedAt = this.#now()
    try {
      await this.#postTo(userId)
    } catch (error) {
      // The store: what cannot be deleted would be posted again and again.
      this.#pause.failed(error, startedAt)
    } finally {
      this.#turns.delete(userId)
      this.#startTurns()
    }
  }

  async #postTo(userId: number): Promise<void> {
    const { chat } = this.#parts
    const endsAt = this.#now() + TURN_MS
    for (const webhook of await chat.webhooks.waiting(userId, TURN_MESSAGES)) {
      if (!this.#mayPost || this.#now() > endsAt) return
      if (webhook.dueAt > chat.clock.stored()) return
      if (await this.#isNeedless(webhook.message)) this.#count('needless')
      else if (!(await this.#isTaken(webhook))) return
      await this.#delete(webhook.message)
    }
  }

  /** Whether it was read or forgotten meanwhile, or one of the two has blocked the other. */
  async #isNeedless(message: Message): Promise<boolean> {
    if (message.readAt !== null || isForgotten(message)) return true
    const { sender, receiverId } = message
    return isEitherBlocked(await this.#parts.chat.blocks.find(receiverId, sender.userId))
  }

  /** Posts a message; resolves with whether it was taken, now or before. */
  async #isTaken({ message, attempts }: WaitingWebhook): Promise<boolean> {
    const { messageId, receiverId } = message
    if (this.#taken.has(messageId)) return true
    const startedAt = this.#now()
    const answer = await this.#shop.post(`msg_${messageId}`, this.#bodyOf(message))
    this.#count(answer.result)
    if (answer.result === 'taken') {
      this.#pause.worked(startedAt)
      this.#refusals.worked()
      this.#givingUp.worked()
      this.#taken.add(messageId)
      return true
    }
    const isRefused = answer.result === 'refused'
    if (isRefused) this.#refusals.failed(refusal(receiverId, answer.error))
    else this.#pause.failed(answer.error, startedAt)
    const waitMsMax = isRefused ? RECEIVER_MS_MAX_REFUSED : RECEIVER_MS_MAX_FAILED
    await this.#postpone(messageId, backoffMs(attempts + 1, RECEIVER_MS_MIN, waitMsMax))
    return false
  }

  /** As Standard Webhooks has it; `data` is as in the answer to the send. */
  #bodyOf(message: Message): string {
    const timestamp = `${message.createdAt.replace(' ', 'T')}Z`
    const data = this.#parts.chat.wire.message(message)
    return JSON.stringify({ type: 'chat.message', timestamp, data })
  }

  async #postpone(messageId: number, waitMs: number): Promise<void> {
    const { webhooks, clock } = this.#parts.chat
    await webhooks.postpone(messageId, clock.storedIn(waitMs))
  }

  async #delete(message: Message): Promise<void> {
    await this.#parts.chat.webhooks.delete(message)
    this.#taken.delete(message.messageId)
  }

  #count(result: keyof WebhookMetrics['results'], count = 1): void {
    this.#parts.metrics.results[result] += count
  }
}

function refusal(receiverId: number, cause: ChatError): ChatError {
  return new ChatError('unavailable', `for user ${receiverId}`, { cause })
}
