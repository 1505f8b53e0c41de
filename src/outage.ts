import { ChatError } from './errors.ts'
import type { Log } from './log.ts'

/**
 * Something that does not work at the moment: one line in the log when it begins and one when it is
 * over, however often it is tried in between.
 */
export class Outage {
  readonly #log: Log
  readonly #failing: string
  readonly #working: string
  #isOn = false

  /**
   * @param failing 'Logins cannot be checked'
   * @param working 'Logins can be checked again'
   */
  constructor(log: Log, failing: string, working: string) {
    this.#log = log
    this.#failing = failing
    this.#working = working
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** It has failed. A ChatError is told in one line, with its cause; anything else with its stack. */
  failed(error: unknown): void {
    if (this.#isOn) return
    this.#isOn = true
    if (error instanceof ChatError) this.#log.warn(`${this.#failing}: ${reasonOf(error)}`)
    else this.#log.error(this.#failing, error)
  }

  /** It has worked. */
  worked(): void {
    if (!this.#isOn) return
    this.#isOn = false
    this.#log.info(this.#working)
  }
}

function reasonOf({ message, cause }: ChatError): string {
  return cause instanceof Error ? `${message} (${cause.message})` : message
}
