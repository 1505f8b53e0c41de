import { EventEmitter, once } from 'node:events'
import { waitFor } from '../support/wait.ts'
import {
  audit,
  longestAnswerMs,
  longestDeliveryMs,
  longestSilenceMs,
  unavailablePercent,
} from './audit.ts'
import { auditUploads } from './audit-uploads.ts'
import { acknowledgedId, type Delivery, type Send } from './ledger.ts'
import type { Random } from './random.ts'
import { type Addresses, Receiver } from './receiver.ts'
import { type Load, Sender } from './sender.ts'
import type { Service } from './service.ts'
import type { Stored } from './stored.ts'

/** Sends that are under way get this long to be answered, and messages to arrive. */
const DRAIN_MS_MAX = 20_000
/** A probe that has not arrived after this is followed by another. */
const PROBE_MS_MAX = 1_000
const FIRST_PLAIN_USER_ID = 101
const PROBE_SENDER_ID = 1_001
const PROBE_RECEIVER_ID = 1_002
/** One broken thing breaks a thousand messages: the first few say what it is. */
const LINES_MAX = 5

/** Somebody gets an answer that acknowledges, or a message. */
export type Moment = 'acknowledged' | 'delivered'

export interface Verdict {
  tried: number
  acknowledged: number
  lost: number
  repeated: number
  outOfOrder: number
  /** Of all answers, those that were a 503. */
  unavailablePercent: number
  /** The longest that a receiver waited from one message to the next, with the harm in between. */
  silenceMs: number
  /** The longest that a send took to be acknowledged, with all its tries. */
  answerMs: number
  /** The longest that it took to reach a receiver who resumes, once it was acknowledged. */
  deliveryMs: number
  problems: string[]
}

/**
 * Puts load on a service and knows everything that came of it: every send, every answer, every frame
 * that every receiver got.
 *
 * start → (harm) → drain: nothing is under way any more → (the service is stopped) → audit.
 */
export class Auditor {
  /** Where clients find the service; change them to put something in between. */
  readonly addresses: Addresses
  /** Events that a fault has queued itself. */
  foreignEventCount = 0
  readonly #service: Service
  readonly #load: Load
  readonly #moments = new EventEmitter<{ acknowledged: []; delivered: [Delivery] }>()
  readonly #senders: Sender[]
  readonly #receivers: Receiver[]
  readonly #prober: Sender
  readonly #probed: Receiver
  #writing: Promise<unknown> = Promise.resolve()
  #staying: Promise<unknown> = Promise.resolve()

  constructor(service: Service, load: Load, random: Random) {
    this.#service = service
    this.#load = load
    this.addresses = {
      apiUrls: service.apis.map((member) => service.urlOf(member)),
      daemonUrls: service.daemons.map((member) => service.urlOf(member)),
    }
    const onAcknowledged = () => this.#moments.emit('acknowledged')
    const onDelivery = (delivery: Delivery) => this.#moments.emit('delivered', delivery)
    const userIds = numbersFrom(0, load.users).map((index) => 1 + index * load.userIdStep)
    this.#senders = userIds.map(
      (userId) => new Sender(userId, this.addresses, random.fork(), onAcknowledged),
    )
    const receiver = (userId: number, resumes: boolean, staysMsMax?: number) =>
      new Receiver(userId, { random: random.fork(), resumes, staysMsMax, onDelivery })
    const plainIds = numbersFrom(FIRST_PLAIN_USER_ID, load.plainUsers)
    this.#receivers = [
      ...userIds.map((userId, index) => receiver(userId, true, index % 2 ? load.staysMsMax : 0)),
      ...plainIds.map((userId) => receiver(userId, false)),
    ]
    this.#prober = new Sender(PROBE_SENDER_ID, this.addresses, random.fork())
    this.#probed = receiver(PROBE_RECEIVER_ID, true)
  }

  get sends(): Send[] {
    return [...this.#senders, this.#prober].flatMap(({ sends }) => sends)
  }

  /** The ids of all messages that have been acknowledged by now. */
  get acknowledgedIds(): number[] {
    return this.sends.map(acknowledgedId).filter((id) => id !== undefined)
  }

  /** Sends that are not acknowledged, and may be. */
  get underWay(): Send[] {
    const newest = this.#senders.flatMap(({ sends }) => sends.at(-1) ?? [])
    return newest.filter((send) => acknowledgedId(send) === undefined)
  }

  /** Those who are connected, or on the way back. */
  get receivers(): readonly Receiver[] {
    return this.#receivers
  }

  /** Whether a send was ever answered 503. */
  get isRefused(): boolean {
    const answers = this.sends.flatMap((send) => send.answers)
    return answers.some((answer) => answer.kind === 'refused' && answer.status === 503)
  }

  /** How often a receiver has connected, all in all. */
  get connectCount(): number {
    return this.#everybody.reduce((sum, { connectCount }) => sum + connectCount, 0)
  }

  get receiverCount(): number {
    return this.#everybody.length
  }

  get isEverybodyThere(): boolean {
    return this.#everybody.every(({ isConnected }) => isConnected)
  }

  /** Resolves when messages flow. */
  async start(): Promise<void> {
    this.#staying = Promise.all(this.#everybody.map((receiver) => receiver.stay(this.addresses)))
    await waitFor(() => this.isEverybodyThere, 'all receivers')
    const userIds = this.#receivers.map(({ userId }) => userId)
    this.#writing = Promise.all(this.#senders.map((sender) => sender.write(userIds, this.#load)))
    const isFlowing = () => this.#receivers.every(({ deliveries }) => deliveries.length > 0)
    await waitFor(isFlowing, 'messages to flow')
  }

  /** Resolves at the very moment when somebody gets an answer, or a message. */
  async next(moment: Moment): Promise<void> {
    await once(this.#moments, moment)
  }

  /** Resolves at the moment when a message arrives of which `accepts` is true; with the message. */
  nextDelivery(accepts: (delivery: Delivery) => boolean): Promise<Delivery> {
    return new Promise((resolve) => {
      const onDelivery = (delivery: Delivery) => {
        if (!accepts(delivery)) return
        this.#moments.off('delivered', onDelivery)
        resolve(delivery)
      }
      this.#moments.on('delivered', onDelivery)
    })
  }

  /** Whether a message that is sent now is acknowledged and arrives. */
  async isServed(): Promise<boolean> {
    const send = await this.#prober.send(PROBE_RECEIVER_ID, { files: 0, nameless: 1 })
    if (acknowledgedId(send) === undefined) return false
    const isHere = () => this.#probed.deliveries.some(({ body }) => body === send.body)
    return waitFor(isHere, 'the probe', PROBE_MS_MAX).then(
      () => true,
      () => false,
    )
  }

  /** Everybody loses their connection, and comes back through the door that is there now. */
  reconnect(): void {
    for (const receiver of this.#everybody) receiver.disconnect()
  }

  /** Nothing new is sent; resolves when everything that is stored was delivered, or time is up. */
  async drain(): Promise<void> {
    for (const sender of this.#senders) sender.finish()
    for (const receiver of this.#receivers) receiver.settle()
    const patience = setTimeout(() => this.#giveUp(), DRAIN_MS_MAX)
    await this.#writing
    clearTimeout(patience)
    const counts = await this.#service.storage.countByReceiver()
    const hasAll = ({ userId, deliveries }: Receiver) =>
      new Set(deliveries.map(({ messageId }) => messageId)).size >= (counts.get(userId) ?? 0)
    const isDelivered = () => this.#everybody.every(hasAll)
    // Who has not got everything by then, the audit says by name.
    await waitFor(isDelivered, 'all messages', DRAIN_MS_MAX).catch(() => {})
  }

  /** Call when the service has stopped. */
  async audit(): Promise<Verdict> {
    const { sends } = this
    const stored = await this.#service.storage.read()
    const resumed = this.#everybody
      .filter(({ resumes }) => resumes)
      .map(({ deliveries }) => deliveries)
    const plain = this.#everybody.filter(({ resumes }) => !resumes)
    const found = audit(
      sends,
      stored.messages,
      resumed,
      plain.flatMap(({ deliveries }) => deliveries),
    )
    const files = await auditUploads(this.#service, sends, stored.messages)
    const { lost, repeated, outOfOrder } = found
    const own = [...this.#findEventsMiscounted(stored), ...this.#findUnresumed()]
    const problems = [lost, repeated, outOfOrder, found.problems, stored.problems, files, own]
    return {
      tried: sends.length,
      acknowledged: this.acknowledgedIds.length,
      lost: lost.length,
      repeated: repeated.length,
      outOfOrder: outOfOrder.length,
      unavailablePercent: unavailablePercent(sends),
      silenceMs: longestSilenceMs(this.#receivers.map(({ deliveries }) => deliveries)),
      answerMs: longestAnswerMs(sends),
      deliveryMs: longestDeliveryMs(sends, resumed),
      problems: problems.flatMap(firstFew),
    }
  }

  /** Leaves, wherever it is. */
  async stop(): Promise<void> {
    for (const sender of this.#senders) sender.finish()
    this.#giveUp()
    for (const receiver of this.#everybody) receiver.leave()
    await this.#staying
  }

  get #everybody(): Receiver[] {
    return [...this.#receivers, this.#probed]
  }

  /** Delivered events are deleted, but each message has taken an id; so has each status. */
  #findEventsMiscounted({ messages, queuedCount }: Stored): string[] {
    const expected = messages.length + this.foreignEventCount
    return queuedCount >= expected ? [] : [`${queuedCount} events for ${expected} messages`]
  }

  #findUnresumed(): string[] {
    const unresumed = this.#everybody.filter(({ recovered }) => recovered.includes(false))
    return unresumed.map(({ userId }) => `user ${userId} was not told what it missed`)
  }

  #giveUp(): void {
    for (const sender of this.#senders) sender.giveUp()
  }
}

function numbersFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

function firstFew(lines: string[]): string[] {
  const more = lines.length - LINES_MAX
  return more > 0 ? [...lines.slice(0, LINES_MAX), `… and ${more} more like these`] : lines
}
