import type { Candidates, PendingEvent, QueuedEvent } from '../chat/model.ts'
import type { EventTail } from '../chat/store.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'

/** Events in one read: it bounds how long a poll blocks the event loop. */
const BATCH_EVENTS_MAX = 500
/** Characters of data broadcast in one turn of the event loop, before the sockets are served. */
const DATA_IN_ONE_TURN_MAX = 256 * 1024
/** The longest pause of the exponential backoff between failing polls. */
const BACKOFF_MS_MAX = 1_000

/** Rings when there may be events before the next tick. */
export interface Doorbell {
  start(ring: () => void): void
  stop(): void
}

interface PollerOptions {
  /** Whose events are read, beside those for everybody; undefined: all. */
  receivers?: () => Candidates | undefined
  /** Called with the events of a poll, in order, in portions. A rejected portion is read again. */
  broadcast: (events: PendingEvent[]) => Promise<void>
  /** Called with the users for whom the tail has lost events, before those after are broadcast. */
  onGap: (isAffected: (userId: number) => boolean) => void
  log: Log
  intervalMs: number
  /** Undefined to rely on the tick alone. */
  doorbell: Doorbell | undefined
  /** Called after each good poll, with its duration. */
  onPolled?: (seconds: number) => void
}

/**
 * Reads the tail of pending_events in order, forever, and broadcasts each event; acknowledges it
 * after. The acknowledged position is the high-water mark: an event at or below it is not read
 * again.
 *
 * The tick is the guarantee: a timer, every intervalMs, busy or idle, that no error stops. While a
 * poll runs or backs off it does nothing. A doorbell brings the next poll forward, and the tick is due
 * intervalMs after that.
 */
export class Poller {
  readonly #options: PollerOptions
  readonly #outage: Outage
  #tail: EventTail | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  /** After a failure no poll begins before this, by performance.now(). */
  #retryAt = 0
  /** By performance.now(): a change of the system clock does not move it. */
  #lastGoodPollAt = performance.now()
  #isRunning = false
  #poll: Promise<void> = Promise.resolve()
  #isPolling = false

  constructor(options: PollerOptions) {
    this.#options = options
    this.#outage = new Outage(options.log, 'Polling failed; trying again', 'Polling works again')
  }

  /** Since the last good poll. */
  get pollAgeMs(): number {
    return performance.now() - this.#lastGoodPollAt
  }

  /** Resolves after the first poll: it has broadcast what was pending. */
  async start(tail: EventTail): Promise<void> {
    this.#tail = tail
    this.#isRunning = true
    this.#options.doorbell?.start(() => this.#ring())
    this.#timer = setInterval(this.#timerOnTick, this.#options.intervalMs)
    await this.#startPoll()
  }

  /** Stops polling; resolves when the last poll has ended. Idempotent. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#options.doorbell?.stop()
    clearInterval(this.#timer)
    await this.#poll
  }

  #startPoll(): Promise<void> {
    this.#isPolling = true
    this.#poll = this.#pollAll().finally(() => {
      this.#isPolling = false
    })
    return this.#poll
  }

  /** Polls until nothing is left, and serves the sockets between batches. */
  async #pollAll(): Promise<void> {
    const startedAt = performance.now()
    try {
      while (await this.#pollOnce(this.#tail as EventTail)) await new Promise(setImmediate)
      this.#polled(startedAt)
    } catch (error) {
      this.#failures += 1
      const backoffMs = this.#options.intervalMs * 2 ** this.#failures
      this.#retryAt = performance.now() + Math.min(backoffMs, BACKOFF_MS_MAX)
      this.#outage.failed(error)
    }
  }

  /** Returns whether there may be more. */
  async #pollOnce(tail: EventTail): Promise<boolean> {
    const { broadcast, receivers } = this.#options
    const events = await tail.read(BATCH_EVENTS_MAX, receivers?.())
    this.#checkGap(tail)
    let portion: PendingEvent[] = []
    let dataLength = 0
    for (const event of events) {
      if (isReadable(event)) portion.push(event)
      else this.#logSkipped(event)
      dataLength += event.data?.length ?? 0
      if (dataLength < DATA_IN_ONE_TURN_MAX) continue
      await broadcast(portion)
      tail.acknowledge(event)
      portion = []
      dataLength = 0
      await new Promise(setImmediate)
    }
    const last = events.at(-1)
    if (last === undefined) return false
    await broadcast(portion)
    tail.acknowledge(last)
    return events.length === BATCH_EVENTS_MAX && this.#isRunning
  }

  #checkGap(tail: EventTail): void {
    const isAffected = tail.takeGap()
    if (isAffected === undefined) return
    const { log, onGap } = this.#options
    log.warn('Events were lost before they were read; the sockets of their users are closed')
    onGap(isAffected)
  }

  #logSkipped({ eventId, event }: QueuedEvent): void {
    const name = JSON.stringify(event)
    this.#options.log.error(`Event ${eventId}, ${name}, has no JSON that can be sent; skipped`)
  }

  /** An idle tick reads memory only, and ends in the same turn. */
  readonly #timerOnTick = (): void => {
    const startedAt = performance.now()
    if (this.#isPolling || startedAt < this.#retryAt) return
    if (this.#isAtEnd()) this.#polled(startedAt)
    else void this.#startPoll()
  }

  #isAtEnd(): boolean {
    try {
      return this.#tail?.isAtEnd() ?? false
    } catch {
      // The poll that follows logs the error.
      return false
    }
  }

  #polled(startedAt: number): void {
    this.#lastGoodPollAt = performance.now()
    this.#failures = 0
    this.#outage.worked()
    this.#options.onPolled?.((this.#lastGoodPollAt - startedAt) / 1000)
  }

  /** A poll that fails keeps to its backoff. */
  #ring(): void {
    if (this.#failures > 0 || !this.#isRunning || this.#isPolling) return
    this.#timer?.refresh()
    void this.#startPoll()
  }
}

function isReadable(event: QueuedEvent): event is PendingEvent {
  return event.data !== null
}
