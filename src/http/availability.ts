import type { IncomingMessage } from 'node:http'
import type { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import { pathOf } from '../urls.ts'

/** Failures alternate with successes: an outage is over after this time without one. */
const QUIET_MS = 2_000
/** Only the next request of its kind shows whether a failure lasts; without one it expires. */
const REMEMBERED_MS = 10_000

/**
 * The availability of the API, from its answers: a line in the log when requests begin to be
 * answered 503, and one when that is over. A locked database fails every send.
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

  failed(request: IncomingMessage, { message, cause }: ChatError): void {
    const what = whatOf(request)
    const reason = cause instanceof Error ? ` (${cause.message})` : ''
    if (!this.#isRemembered()) this.#log.warn(`${what} is answered 503: ${message}${reason}`)
    this.#failure = { what, message, at: performance.now() }
  }

  succeeded(request: IncomingMessage): void {
    if (this.#failure === undefined) return
    const what = whatOf(request)
    if (this.#failure.what !== what || performance.now() - this.#failure.at < QUIET_MS) return
    this.#failure = undefined
    this.#log.info(`${what} is answered again`)
  }

  #isRemembered(): boolean {
    return this.#failure !== undefined && performance.now() - this.#failure.at < REMEMBERED_MS
  }
}

/** A request in the log: 'POST /send_chat_message.php'. Without the query: that may carry a token. */
export function whatOf(request: IncomingMessage): string {
  return `${request.method} ${pathOf(request)}`
}
