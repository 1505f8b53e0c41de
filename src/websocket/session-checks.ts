import type { Identity } from '../auth/caller.ts'
import { ChatError, hasCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'

/** The interval at which due checks are started. */
const TICK_MS = 1_000
/** Concurrent checks: the application has its own users to serve. */
const CHECKS_AT_ONCE_MAX = 4

export type VerifyAgain = () => Promise<Identity>

interface SessionChecksOptions {
  log: Log
  /** Between two checks of one session, in ms. */
  intervalMs: number
  /** Called with the connection of a user who is not logged in any more. */
  onEnded: (connection: Connection) => void
}

interface Session {
  verifyAgain: VerifyAgain
  /** When its next check is due, by performance.now(). */
  dueAt: number
}

/**
 * Verifies periodically that the user of each open socket is still logged in: a socket would
 * outlive its session. The checks are spread over the interval, so that thousands of sockets make a
 * steady trickle of requests. An application that does not answer ends no session.
 */
export class SessionChecks {
  readonly #options: SessionChecksOptions
  /** In the order in which they are due. */
  readonly #sessions = new Map<Connection, Session>()
  #timer: NodeJS.Timeout | undefined
  #checkCount = 0

  constructor(options: SessionChecksOptions) {
    this.#options = options
  }

  add(connection: Connection, verifyAgain: VerifyAgain): void {
    const dueAt = performance.now() + this.#options.intervalMs
    this.#sessions.set(connection, { verifyAgain, dueAt })
    this.#timer ??= setInterval(() => this.#checkDue(), TICK_MS)
  }

  remove(connection: Connection): void {
    this.#sessions.delete(connection)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#sessions.clear()
  }

  #checkDue(): void {
    while (this.#checkCount < CHECKS_AT_ONCE_MAX) {
      const [next] = this.#sessions
      if (next === undefined || next[1].dueAt > performance.now()) return
      const [connection, { verifyAgain }] = next
      this.#sessions.delete(connection)
      this.add(connection, verifyAgain)
      this.#check(connection, verifyAgain)
    }
  }

  async #check(connection: Connection, verifyAgain: VerifyAgain): Promise<void> {
    this.#checkCount += 1
    const isOver = await this.#isOver(connection.userId, verifyAgain)
    this.#checkCount -= 1
    if (isOver && this.#sessions.delete(connection)) this.#options.onEnded(connection)
    this.#checkDue()
  }

  async #isOver(userId: number, verifyAgain: VerifyAgain): Promise<boolean> {
    try {
      return (await verifyAgain()).userId !== userId
    } catch (error) {
      // The callback has logged that the application is down.
      if (!(error instanceof ChatError)) this.#options.log.error('A session check failed', error)
      return hasCode(error, 'unauthenticated')
    }
  }
}
