import { once } from 'node:events'
import { WebSocket } from 'ws'
import { waitFor } from '../support/wait.ts'
import type { Headers } from './mode.ts'
import type { Waits } from './waits.ts'

const INTERVAL_MS = 50
const LAST_MS_MAX = 10_000
/** More would arrive in one heap after a stall, as more frames than a client may send in a second. */
const PINGS_MAX = 20

export interface HealthyReceiverOptions {
  daemonUrl: string
  localAddress: string
  userId: number
  headers: Headers
  waits: Waits
}

/** A user who is told every message, pings every 50 ms, and counts how long each takes to come. */
export class HealthyReceiver {
  readonly failures: string[] = []
  readonly #socket: WebSocket
  readonly waits: Waits
  /** When pings were sent that are not answered. */
  readonly #pings: number[] = []
  /** When messages were acknowledged that have not come yet; and those that came before that. */
  readonly #acknowledgedAt = new Map<number, number>()
  readonly #toldEarly = new Set<number>()
  #timer: NodeJS.Timeout | undefined

  private constructor(socket: WebSocket, waits: Waits) {
    this.#socket = socket
    this.waits = waits
    socket.on('message', (text) => this.#socketOnMessage(String(text)))
    socket.on('close', this.#socketOnClose)
  }

  /** Resolves when it is connected; from then on it pings. */
  static async connect(options: HealthyReceiverOptions): Promise<HealthyReceiver> {
    const { daemonUrl, userId, localAddress, headers, waits } = options
    const socket = new WebSocket(`${daemonUrl}/?user_id=${userId}`, {
      localAddress,
      headers,
      rejectUnauthorized: false,
    })
    await once(socket, 'open')
    socket.on('error', () => {})
    const receiver = new HealthyReceiver(socket, waits)
    receiver.#timer = setInterval(() => receiver.#ping(), INTERVAL_MS)
    return receiver
  }

  /** From now on the message is waited for. */
  expect(messageId: number): void {
    if (!this.#toldEarly.delete(messageId)) this.#acknowledgedAt.set(messageId, performance.now())
  }

  /** Resolves when everything has come, or does not any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const isDone = () => this.#acknowledgedAt.size === 0 && this.#pings.length === 0
    await waitFor(() => isDone() || this.#isClosed, 'the last messages', LAST_MS_MAX).catch(
      () => {},
    )
    if (this.#isClosed) return
    for (const since of [...this.#acknowledgedAt.values(), ...this.#pings]) this.waits.add(since)
    const missing = this.#acknowledgedAt.size
    if (missing > 0) this.failures.push(`${missing} messages never came`)
    this.#socket.off('close', this.#socketOnClose).terminate()
  }

  get #isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED
  }

  #ping(): void {
    if (this.#isClosed || this.#pings.length >= PINGS_MAX) return
    this.#pings.push(performance.now())
    this.#socket.send('{"event":"ping"}')
  }

  #socketOnMessage(text: string): void {
    const { event, data } = JSON.parse(text)
    if (event === 'pong') {
      const sentAt = this.#pings.shift()
      if (sentAt !== undefined) this.waits.add(sentAt)
    }
    if (event === 'chat:message') this.#told(data.message_id)
  }

  #told(messageId: number): void {
    const acknowledgedAt = this.#acknowledgedAt.get(messageId)
    this.#acknowledgedAt.delete(messageId)
    if (acknowledgedAt === undefined) this.#toldEarly.add(messageId)
    else this.waits.add(acknowledgedAt)
  }

  readonly #socketOnClose = (code: number, reason: Buffer): void => {
    this.failures.push(`a healthy socket was closed: ${code} ${reason}`)
  }
}
