import { type FSWatcher, watch } from 'node:fs'
import type { Events, PendingEvent, QueuedEvent } from '../chat/events.ts'
import type { Log } from '../log.ts'

/** Events read at once: what a tick may keep the sockets waiting for. */
const BATCH_EVENTS_MAX = 500
/** Characters of data handed on in one go: then the sockets get to write before there is more. */
const DATA_IN_ONE_GO = 256 * 1024
/** Failing polls are tried again ever more slowly, up to this. */
const BACKOFF_MS_MAX = 1_000
/**
 * The WAL file changes before a commit is visible: first its pages are written, then the disk is
 * waited for. This chat's programs touch it once more when the commit is there (Database.write);
 * others do not. So a wake-up that finds nothing looks again after 1, 2, 4, 8 and 16 ms.
 */
const WAKE_RETRY_MS_MIN = 1
const WAKE_RETRY_MS_MAX = 16
/** After so long without an event, where changes are known to be announced, the tick rests: */
const REST_AFTER_MS = 1_000
/** it comes this seldom, until there is an event. */
const RESTING_INTERVAL_MS = 250

export interface PollerOptions {
  events: Events
  /** Called for each event, in the order of their ids. What it throws is logged and passed over. */
  deliver: (event: PendingEvent) => void
  log: Log
  intervalMs: number
  /** The file whose changes announce commits; undefined to rely on the tick alone. */
  walFile: string | undefined
  /** Called after each good poll, with how long it took. */
  onPolled?: (seconds: number) => void
}

/**
 * Reads pending_events in order, forever, and hands each event on exactly once.
 *
 * The tick is the guarantee: a self-scheduling timer, so that polls never overlap and none is lost to
 * an error. The wake-up is an accelerator on top of it: it makes the next poll come sooner. When all
 * is quiet the tick leaves the watching to it, for as long as experience says that it can.
 */
export class Poller {
  readonly #options: PollerOptions
  #cursor = 0
  /** Of the database, when there was nothing after the cursor. */
  #emptyVersion: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the next tick is due, by performance.now(). */
  #dueAt = 0
  #watcher: FSWatcher | undefined
  /** How long until a wake-up that found nothing looks again; 0 when none is to. */
  #wakeRetryMs = 0
  /** A wake-up is about to poll. */
  #isWoken = false
  /** Whether changes are announced, as far as experience goes; undefined while there is none. */
  #isWakeProven: boolean | undefined
  /** When there last was an event, by performance.now(). */
  #busyAt = 0
  #failures = 0
  /** By performance.now(), which nobody can set. */
  #lastGoodPollAt = performance.now()
  #isRunning = false
  #poll: Promise<void> = Promise.resolve()
  #isPolling = false

  constructor(options: PollerOptions) {
    this.#options = options
  }

  /** The newest event that was handed on; everything up to it may be deleted. */
  get cursor(): number {
    return this.#cursor
  }

  /** Since the last good poll. */
  get pollAgeMs(): number {
    return performance.now() - this.#lastGoodPollAt
  }

  /** Resolves after the first poll: whatever was pending has been handed on by then. */
  async start(): Promise<void> {
    this.#isRunning = true
    this.#watchWal()
    await this.#tick()
  }

  /** Resolves when no poll is under way, and none will be. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#watcher?.close()
    clearTimeout(this.#timer)
    await this.#poll
  }

  #tick(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isPolling = true
    this.#poll = this.#pollAll().finally(() => {
      this.#isPolling = false
      if (this.#isRunning) this.#schedule(this.#nextDelay())
    })
    return this.#poll
  }

  /** Reads until there is nothing left, letting the sockets have their turn between batches. */
  async #pollAll(): Promise<void> {
    const startedAt = performance.now()
    try {
      while (await this.#pollOnce()) await new Promise(setImmediate)
      this.#lastGoodPollAt = performance.now()
      this.#options.onPolled?.((performance.now() - startedAt) / 1000)
      if (this.#failures > 0) this.#options.log.info('Polling works again')
      this.#failures = 0
    } catch (error) {
      if (this.#failures === 0) this.#options.log.error('Polling failed; trying again', error)
      this.#failures += 1
    }
  }

  /** Returns whether there may be more. */
  async #pollOnce(): Promise<boolean> {
    // Asked before the query: what is committed in between has another version.
    const version = this.#options.events.version()
    if (version === this.#emptyVersion) return false
    const events = await this.#options.events.after(this.#cursor, BATCH_EVENTS_MAX)
    if (events.length > 0) this.#found()
    let dataLength = 0
    for (const event of events) {
      this.#deliver(event)
      this.#cursor = event.eventId
      dataLength += event.data?.length ?? 0
      if (dataLength < DATA_IN_ONE_GO) continue
      dataLength = 0
      await new Promise(setImmediate)
    }
    this.#emptyVersion = events.length < BATCH_EVENTS_MAX ? version : undefined
    return events.length === BATCH_EVENTS_MAX && this.#isRunning
  }

  #found(): void {
    const wasAnnounced = this.#wakeRetryMs > 0
    this.#wakeRetryMs = 0
    if (wasAnnounced) this.#isWakeProven = true
    else if (this.#isResting) this.#isWakeProven = false
    this.#busyAt = performance.now()
  }

  #deliver({ data, ...event }: QueuedEvent): void {
    if (data === null) {
      const name = JSON.stringify(event.event)
      this.#options.log.error(
        `Event ${event.eventId}, ${name}, has no JSON that can be sent; skipped`,
      )
      return
    }
    try {
      this.#options.deliver({ ...event, data })
    } catch (error) {
      this.#options.log.error(`Event ${event.eventId} could not be delivered; skipped`, error)
    }
  }

  #nextDelay(): number {
    const { intervalMs } = this.#options
    if (this.#failures > 0) return Math.min(intervalMs * 2 ** this.#failures, BACKOFF_MS_MAX)
    const retryMs = this.#wakeRetryMs
    if (retryMs === 0) return this.#untilNextTick()
    this.#wakeRetryMs = retryMs < WAKE_RETRY_MS_MAX ? retryMs * 2 : 0
    return Math.min(retryMs, intervalMs)
  }

  /** Ticks keep to their beat: what a poll took, or a timer was late, is no part of the next wait. */
  #untilNextTick(): number {
    const { intervalMs } = this.#options
    const now = performance.now()
    const step = this.#isResting ? Math.max(RESTING_INTERVAL_MS, intervalMs) : intervalMs
    this.#dueAt = Math.min(Math.max(this.#dueAt + step, now), now + step)
    return this.#dueAt - now
  }

  get #isResting(): boolean {
    return this.#isWakeProven === true && performance.now() - this.#busyAt > REST_AFTER_MS
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#tick(), delayMs)
  }

  #watchWal(): void {
    const { walFile, log } = this.#options
    if (walFile === undefined) return
    try {
      this.#watcher = watch(walFile, { persistent: false }, () => this.#wake())
      this.#watcher.on('error', (error) => log.warn(`Wake-up lost, the tick goes on: ${error}`))
    } catch (error) {
      log.warn(`No wake-up on this file system, the tick does it alone: ${error}`)
    }
  }

  #wake(): void {
    const isBackingOff = this.#failures > 0
    if (!this.#isRunning || isBackingOff) return
    this.#wakeRetryMs = WAKE_RETRY_MS_MIN
    // The daemon's own writes wake it too: they do for a beginning, but not against an event's word.
    this.#isWakeProven ??= true
    if (this.#isWoken) return
    this.#isWoken = true
    // One commit changes the file several times: what is told in one turn is looked at once.
    setImmediate(() => {
      this.#isWoken = false
      if (this.#isRunning && !this.#isPolling) void this.#tick()
    })
  }
}
