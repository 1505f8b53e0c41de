import { BATCH_MESSAGES_MAX, type ForgetParts, forgetMessages } from './forget.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Of one run: whether it is still this process's turn is asked before each. */
const RUN_MS_MAX = 50_000
/** Where daemons run, events of old messages are long gone: to look for others can wait. */
const EVENTS_INTERVAL_MS = 60 * 60 * 1000

/**
 * CHAT_RETENTION_DAYS: forgets the messages that are older, whoever sent them. Ids rise with time,
 * so it keeps in memory how far it has come, and walks once over what a process before it forgot.
 */
export class Retention {
  readonly #parts: ForgetParts
  readonly #days: number
  /** Every message up to this one is forgotten. */
  #through = 0
  /** Whether events may carry what was forgotten, by a process before this one too. */
  #hasEvents = true
  /** By performance.now(). */
  #eventsDueAt = 0
  #isStopped = false

  constructor(parts: ForgetParts, days: number) {
    this.#parts = parts
    this.#days = days
  }

  /** Forgets what is too old by now, as far as it comes in RUN_MS_MAX. */
  async run(): Promise<void> {
    const { chat } = this.#parts
    const { clock, forgetting } = chat
    const time = clock.storedFrom(new Date(clock.now().getTime() - this.#days * DAY_MS))
    const deadline = performance.now() + RUN_MS_MAX
    while (!this.#isStopped && performance.now() < deadline) {
      const messages = await forgetting.storedBefore(time, this.#through, BATCH_MESSAGES_MAX)
      const last = messages.at(-1)
      if (last === undefined) return this.#finish()
      const { messages: count } = await forgetMessages(this.#parts, messages)
      this.#hasEvents ||= count > 0
      this.#through = last.messageId
    }
  }

  /** Ends a run after its batch. */
  stop(): void {
    this.#isStopped = true
  }

  async #finish(): Promise<void> {
    if (!this.#hasEvents || performance.now() < this.#eventsDueAt) return
    await this.#parts.chat.forgetting.events()
    this.#hasEvents = false
    this.#eventsDueAt = performance.now() + EVENTS_INTERVAL_MS
  }
}
