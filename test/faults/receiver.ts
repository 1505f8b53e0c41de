import { setTimeout as delay } from 'node:timers/promises'
import { Device, type Frame } from '../support/clients.ts'
import type { Delivery } from './ledger.ts'
import type { Random } from './random.ts'

/** In a hurry, so that it is there when the daemon is. */
const RECONNECT_MS = 50

/** Where clients find the service, each time at one of these; a fault may put something in between. */
export interface Addresses {
  apiUrls: string[]
  daemonUrls: string[]
}

interface ReceiverOptions {
  random: Random
  /**
   * Whether it says which message was its last when it comes back. The document's own example does
   * not: it may be told twice what a daemon told it that then crashed, but misses nothing by a crash.
   */
  resumes: boolean
  /** The longest that it stays connected before it moves on; 0 or undefined: it stays. */
  staysMsMax?: number | undefined
  onDelivery: (delivery: Delivery) => void
}

/** A user who is always online, or on the way back, and remembers every message it was told. */
export class Receiver extends Device {
  readonly deliveries: Delivery[] = []
  readonly resumes: boolean
  /** Of other users whether they are online, as far as this connection was told. */
  readonly statuses = new Map<number, boolean>()
  readonly #options: ReceiverOptions
  #isStaying = true
  #isMoving = true

  constructor(userId: number, options: ReceiverOptions) {
    super(userId)
    this.resumes = options.resumes
    this.#options = options
  }

  /** Resolves after `leave`. */
  async stay(addresses: Addresses): Promise<void> {
    const { random, staysMsMax } = this.#options
    while (this.#isStaying) {
      await this.connect(random.pick(addresses.daemonUrls)).catch(() => {})
      const moveOn = () => this.#isMoving && this.disconnect()
      const timer = staysMsMax && setTimeout(moveOn, random.next() * staysMsMax)
      await this.whenDisconnected()
      clearTimeout(timer)
      if (this.#isStaying) await delay(RECONNECT_MS)
    }
  }

  /** Stays from now on where it is. */
  settle(): void {
    this.#isMoving = false
  }

  leave(): void {
    this.#isStaying = false
    this.disconnect()
  }

  protected override query(): string {
    return this.resumes ? super.query() : `user_id=${this.userId}`
  }

  protected override told(frame: Frame): void {
    super.told(frame)
    if (frame.event === 'chat:connected') this.statuses.clear()
    if (frame.event === 'chat:user_status') {
      this.statuses.set(frame.data.user_id, frame.data.status === 'online')
    }
    if (frame.event !== 'chat:message') return
    const { message_id: messageId, message: body } = frame.data
    const delivery = { receiverId: this.userId, messageId, body, at: performance.now() }
    this.deliveries.push(delivery)
    this.#options.onDelivery(delivery)
  }
}
