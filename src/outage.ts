import { ChatError, systemCode } from './errors.ts'
import type { Log } from './log.ts'

/**
 * Logs an outage: one line when it begins and one when it is over, however many tries fail in
 * between.
 */
export class Outage {
  readonly #log: Log
  readonly #failing: string
  readonly #working: string
  readonly #quietMs: number
  #isOn = false
  #failedAt = 0

  /**
   * @param failing 'Logins cannot be checked'
   * @param working 'Logins can be checked again'
   * @param quietMs the time without a failure until it is over: for an outage of some clients only,
   *   which would log two lines each time
   */
  constructor(log: Log, failing: string, working: string, quietMs = 0) {
    this.#log = log
    this.#failing = failing
    this.#working = working
    this.#quietMs = quietMs
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Call for a failure. Logs a ChatError in one line, with its causes; a bug with its stack. */
  failed(error: unknown): void {
    this.#failedAt = performance.now()
    if (this.#isOn) return
    this.#isOn = true
    if (error instanceof ChatError) this.#log.warn(`${this.#failing}: ${reasonOf(error)}`)
    else this.#log.error(this.#failing, error)
  }

  /** Call for a success. */
  worked(): void {
    if (!this.#isOn || performance.now() - this.#failedAt < this.#quietMs) return
    this.#isOn = false
    this.#log.info(this.#working)
  }
}

function reasonOf({ message, cause }: ChatError): string {
  const causes = messagesOf(cause).join(': ')
  return causes === '' ? message : `${message} (${causes})`
}

/** The messages of an error and its causes, without empty ones. */
function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error.message || systemCode(error), ...messagesOf(error.cause)].filter(Boolean)
}
