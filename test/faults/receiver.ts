import { setTimeout as delay } from 'node:timers/promises'
import { Device, type Frame } from '../support/clients.ts'
import type { Delivery } from './ledger.ts'

/** In a hurry, so that it is there when the daemon is. */
const RECONNECT_MS = 50

/** Where clients find the service; a fault may put something in between. */
export interface Doors {
  apiUrl: string
  daemonUrl: string
}

/** A user who is always online, or on the way back, and remembers every message it was told. */
export class Receiver extends Device {
  readonly deliveries: Delivery[] = []
  readonly resumes: boolean
  readonly #onDelivery: () => void
  #isStaying = true

  /**
   * @param resumes whether it says which message was its last when it comes back. The document's own
   *   example does not: it may be told twice what a daemon told it that then crashed, but misses
   *   nothing by a crash.
   */
  constructor(userId: number, resumes: boolean, onDelivery: () => void = () => {}) {
    super(userId)
    this.resumes = resumes
    this.#onDelivery = onDelivery
  }

  /** Resolves after `leave`. */
  async stay(doors: Doors): Promise<void> {
    while (this.#isStaying) {
      await this.connect(doors.daemonUrl).catch(() => {})
      await this.whenDisconnected()
      if (this.#isStaying) await delay(RECONNECT_MS)
    }
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
    if (frame.event !== 'chat:message') return
    const { message_id: messageId, message: body } = frame.data
    this.deliveries.push({ receiverId: this.userId, messageId, body })
    this.#onDelivery()
  }
}
