import type { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'

/** Failures come in between successes: it is over when there was none for this long. */
const QUIET_MS = 2_000
/** Whether a failure lasts, only the next request of its kind tells; without one it is forgotten. */
const REMEMBERED_MS = 10_000

/**
 * Whether requests are answered, as their answers tell: a line in the log when some begin to be
 * answered 503, and one when they are answered again. A locked database fails every send.
 */
export class Availability {
  readonly #log: Log
  #failure: { what: string; message: string; at: number } | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Why requests are answered 503; undefined while they are not. */
  get problem(): string | undefined {
    return this.#isRemembered() ? this.#failure?.message : undefined
  }

  /** @param what was asked for: 'POST /send_chat_message.php' */
  failed(what: string, { message, cause }: ChatError): void {
    const reason = cause instanceof Error ? ` (${cause.message})` : ''
    if (!this.#isRemembered()) this.#log.warn(`${what} is answered 503: ${message}${reason}`)
    this.#failure = { what, message, at: performance.now() }
  }

  succeeded(what: string): void {
    if (this.#failure?.what !== what || performance.now() - this.#failure.at < QUIET_MS) return
    this.#failure = undefined
    this.#log.info(`${what} is answered again`)
  }

  #isRemembered(): boolean {
    return this.#failure !== undefined && performance.now() - this.#failure.at < REMEMBERED_MS
  }
}
