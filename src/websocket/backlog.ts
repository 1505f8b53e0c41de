import type { PendingEvent } from '../chat/model.ts'
import { EPHEMERAL_EVENTS } from '../chat/rules.ts'

/** Events remembered at most; the oldest go first, and stand in the history all the same. */
export const BACKLOG_EVENTS_MAX = 50_000
/** And what they may come to, in characters of their data: most are a few hundred, some 65,536. */
export const BACKLOG_CHARACTERS_MAX = 8 * 1024 * 1024

/**
 * What a daemon that has just started could not tell anybody: the events that were pending when it
 * started, and those that came while its clients were still on their way back. A user who was
 * connected to the daemon before gets them on every socket that returns, without asking.
 *
 * It is open for a while after the start, and for each user until the last of their sockets closes
 * again: from then on they are away, as at any other time, and read the history.
 */
export class Backlog {
  readonly #byUser = new Map<number | null, PendingEvent[]>()
  readonly #gone = new Set<number>()
  readonly #held = new Set<number>()
  /** Whose event came when: the order in which to forget. */
  #order: (number | null)[] = []
  #characters = 0
  #isOpen = true

  /** Events that reached nobody yet: they stay in the table, for the successor should we crash. */
  get held(): ReadonlySet<number> {
    return this.#held
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
    if (!isDelivered) this.#held.add(event.eventId)
    this.#characters += event.data.length
    while (this.#isFull()) this.#forgetOldest()
  }

  /** What a user missed, oldest first. It counts as delivered from now on. */
  for(userId: number): PendingEvent[] {
    if (this.#gone.has(userId)) return []
    const events = [...(this.#byUser.get(userId) ?? []), ...(this.#byUser.get(null) ?? [])]
    for (const { eventId } of events) this.#held.delete(eventId)
    return events.sort((a, b) => a.eventId - b.eventId)
  }

  /** The last socket of this user has closed. */
  forget(userId: number): void {
    if (!this.#isOpen) return
    this.#gone.add(userId)
    for (const { data } of this.#byUser.get(userId) ?? []) this.#characters -= data.length
    this.#byUser.delete(userId)
  }

  /** From now on, whoever is not connected reads the history. */
  close(): void {
    this.#isOpen = false
    this.#byUser.clear()
    this.#gone.clear()
    this.#held.clear()
    this.#order = []
    this.#characters = 0
  }

  #isFull(): boolean {
    return this.#order.length > BACKLOG_EVENTS_MAX || this.#characters > BACKLOG_CHARACTERS_MAX
  }

  #forgetOldest(): void {
    const userId = this.#order.shift() as number | null
    const event = this.#byUser.get(userId)?.shift()
    if (event === undefined) return
    this.#held.delete(event.eventId)
    this.#characters -= event.data.length
  }
}
