import { addressKey } from '../limits/address-key.ts'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { Log } from '../log.ts'

/** What an operator wants to read afterwards: who was refused what, and who shut out whom. */
type AuditedAct = 'login failed' | 'refused' | 'blocked' | 'unblocked' | 'disconnected'

/** The audit trail: a line in the log, once for each act, address and minute. */
export class Audit {
  readonly #log: Log
  readonly #lines = new RateLimit(limits.auditLines)
  readonly #linesInAll = new RateLimit(limits.auditLinesInAll)

  constructor(log: Log) {
    this.#log = log
  }

  /** @param detail never contains a token, a body or a name that a client chose */
  async note(act: AuditedAct, address: string, detail: string): Promise<void> {
    if (!(await this.#lines.tryCount(`${act} ${addressKey(address)}`))) return
    if (!(await this.#linesInAll.tryCount(''))) return
    this.#log.info(`Audit: ${act}, from ${address}: ${detail}`)
  }
}
