import { ChatError, systemCode } from './errors.ts'
import type { Log } from './log.ts'

/**
 * Something that does not work at the moment: one line in the log when it begins and one when it is
 * over, however often it is tried in between.
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
   * @param quietMs how long nothing must have failed before it counts as over: for what fails for one
   * and works for another, which would be two lines each time
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

  /** It has failed. A ChatError is told in one line, with its causes; anything else with its stack. */
  failed(error: unknown): void {
    this.#failedAt = performance.now()
    if (this.#isOn) return
    this.#isOn = true
    if (error instanceof ChatError) this.#log.warn(`${this.#failing}: ${reasonOf(error)}`)
    else this.#log.error(this.#failing, error)
  }

  /** It has worked. */
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

/** What an error says, and what caused it, and so on; without what has nothing to say. */
function messagesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error.message || systemCode(error), ...messagesOf(error.cause)].filter(Boolean)
}
