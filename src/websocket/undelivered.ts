import type { PendingEvent } from '../chat/model.ts'
import { EPHEMERAL_EVENTS } from '../chat/rules.ts'

/** The oldest events are dropped first; their messages remain in the history. */
export const UNDELIVERED_EVENTS_MAX = 50_000
/** Characters of data: most events have a few hundred, some 65,536. */
export const UNDELIVERED_CHARACTERS_MAX = 8 * 1024 * 1024

/**
 * Events that arrived while no client was connected after a restart: pending at the start of the
 * daemon, or appended while its clients reconnect. Recovery sends them to each socket of their
 * user, with or without last_message_id.
 *
 * It is open for a while after the start, and for each user until their last socket closes again:
 * a user who is offline later reads the history.
 */
export class Undelivered {
  readonly #byUser = new Map<number | null, PendingEvent[]>()
  readonly #gone = new Set<number>()
  readonly #kept = new Set<number>()
  /** The receivers of the events, oldest event first: the order in which to drop them. */
  #order: (number | null)[] = []
  #characters = 0
  #isOpen = true

  /** Whether it takes events. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Ids of events that reached no socket yet. Their rows stay, for recovery after a crash. */
  get kept(): ReadonlySet<number> {
    return this.#kept
  }

  /** @param isDelivered whether the event reached at least one socket */
  add(event: PendingEvent, isDelivered: boolean): void {
    const { userId } = event
    if (!this.#isOpen || EPHEMERAL_EVENTS.includes(event.event)) return
    if (userId !== null && this.#gone.has(userId)) return
    const events = this.#byUser.get(userId)
    if (events === undefined) this.#byUser.set(userId, [event])
    else events.push(event)
    this.#order.push(userId)
    if (!isDelivered) this.#kept.add(event.eventId)
    this.#characters += event.data.length
    while (this.#isFull()) this.#dropOldest()
  }

  /** The events of a user, oldest first. They count as delivered from now on. */
  for(userId: number): PendingEvent[] {
    if (this.#gone.has(userId)) return []
    const events = [...(this.#byUser.get(userId) ?? []), ...(this.#byUser.get(null) ?? [])]
    for (const { eventId } of events) this.#kept.delete(eventId)
    return events.sort((a, b) => a.eventId - b.eventId)
  }

  /** Call when the last socket of this user has closed. */
  drop(userId: number): void {
    if (!this.#isOpen) return
    this.#gone.add(userId)
    for (const { data } of this.#byUser.get(userId) ?? []) this.#characters -= data.length
    this.#byUser.delete(userId)
  }

  /** Drops all events: users who connect from now on read the history. */
  close(): void {
    this.#isOpen = false
    this.#byUser.clear()
    this.#gone.clear()
    this.#kept.clear()
    this.#order = []
    this.#characters = 0
  }

  #isFull(): boolean {
    return (
      this.#order.length > UNDELIVERED_EVENTS_MAX || this.#characters > UNDELIVERED_CHARACTERS_MAX
    )
  }

  #dropOldest(): void {
    const userId = this.#order.shift() as number | null
    const event = this.#byUser.get(userId)?.shift()
    if (event === undefined) return
    this.#kept.delete(event.eventId)
    this.#characters -= event.data.length
  }
}
