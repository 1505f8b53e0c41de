import type { Identity } from '../auth/caller.ts'
import { ChatError, hasCode } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Connection } from './connection.ts'

/** How often it is looked whose turn it is. */
const TICK_MS = 1_000
/** Questions under way at once: the application has its visitors to serve. */
const QUESTIONS_AT_ONCE_MAX = 4

export type VerifyAgain = () => Promise<Identity>

interface SessionChecksOptions {
  log: Log
  /** How long an answer is believed, in ms. */
  intervalMs: number
  /** Called with the connection of a user who may not be here any more. */
  onEnded: (connection: Connection) => void
}

interface Session {
  verifyAgain: VerifyAgain
  /** When its turn is, by performance.now(). */
  dueAt: number
}

/**
 * Asks, for each open socket and again and again, whether its user is still logged in: sessions end,
 * and sockets would outlive them. All take turns, so that thousands of sockets are a steady trickle
 * of questions. No answer is no reason to end a session.
 */
export class SessionChecks {
  readonly #options: SessionChecksOptions
  /** Whose turn is next comes first. */
  readonly #sessions = new Map<Connection, Session>()
  #timer: NodeJS.Timeout | undefined
  #questionCount = 0

  constructor(options: SessionChecksOptions) {
    this.#options = options
  }

  add(connection: Connection, verifyAgain: VerifyAgain): void {
    const dueAt = performance.now() + this.#options.intervalMs
    this.#sessions.set(connection, { verifyAgain, dueAt })
    this.#timer ??= setInterval(() => this.#askDue(), TICK_MS)
  }

  remove(connection: Connection): void {
    this.#sessions.delete(connection)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#sessions.clear()
  }

  #askDue(): void {
    while (this.#questionCount < QUESTIONS_AT_ONCE_MAX) {
      const [next] = this.#sessions
      if (next === undefined || next[1].dueAt > performance.now()) return
      const [connection, { verifyAgain }] = next
      this.#sessions.delete(connection)
      this.add(connection, verifyAgain)
      this.#ask(connection, verifyAgain)
    }
  }

  async #ask(connection: Connection, verifyAgain: VerifyAgain): Promise<void> {
    this.#questionCount += 1
    const isOver = await this.#isOver(connection.userId, verifyAgain)
    this.#questionCount -= 1
    if (isOver && this.#sessions.delete(connection)) this.#options.onEnded(connection)
    this.#askDue()
  }

  async #isOver(userId: number, verifyAgain: VerifyAgain): Promise<boolean> {
    try {
      return (await verifyAgain()).userId !== userId
    } catch (error) {
      // That the application is down is logged where it is asked.
      if (!(error instanceof ChatError)) this.#options.log.error('A session check failed', error)
      return hasCode(error, 'unauthenticated')
    }
  }
}
