import { setTimeout as delay } from 'node:timers/promises'
import type { Auditor } from '../faults/auditor.ts'
import type { Random } from '../faults/random.ts'
import type { Service } from '../faults/service.ts'
import { Device } from '../support/clients.ts'

const PAUSE_MS = 20
/** Everybody's sockets break now and then, as on a train. */
const RECONNECT_MS = 10_000
const USERS = 12
const VISITOR_FIRST_ID = 5_000
/** Visitors are others every time, but not without end: their names stay in the database. */
const VISITORS = 500

/** What people do beside sending, for as long as the soak lasts: one page after the other is read. */
export class EverydayUse {
  readonly #service: Service
  readonly #auditor: Auditor
  readonly #random: Random
  #isOver = false
  #requestCount = 0
  #failures: string[] = []

  constructor(service: Service, auditor: Auditor, random: Random) {
    this.#service = service
    this.#auditor = auditor
    this.#random = random
  }

  get requestCount(): number {
    return this.#requestCount
  }

  /** Requests that were not answered as they should be. */
  get failures(): string[] {
    return this.#failures
  }

  /** Resolves after `stop`. */
  async run(): Promise<void> {
    await Promise.all([this.#repeat(PAUSE_MS, () => this.#read()), this.#travel(), this.#visit()])
  }

  stop(): void {
    this.#isOver = true
  }

  async #read(): Promise<void> {
    const userId = this.#random.integer(1, USERS)
    const otherId = (userId % USERS) + 1
    const who = `user_id=${userId}`
    const path = this.#random.pick([
      `/get_conversations.php?${who}`,
      `/get_conversation_messages.php?${who}&other_user_id=${otherId}&limit=50`,
      `/get_chat_user_status.php?${who}&other_user_id=${otherId}`,
      '/health',
    ])
    const { status } = await fetch(this.#service.apiUrl + path)
    this.#requestCount += 1
    // Not ours: the connection had been opened in advance, and lay idle for too long.
    if (status !== 200 && status !== 408) this.#failures.push(`${path} was answered ${status}`)
  }

  async #travel(): Promise<void> {
    await this.#repeat(RECONNECT_MS, async () => this.#auditor.reconnect())
  }

  /** Comes, says that it reads and types, and leaves without a word. */
  async #visit(): Promise<void> {
    await this.#repeat(PAUSE_MS, async () => {
      const visitor = new Device(VISITOR_FIRST_ID + this.#random.integer(0, VISITORS))
      await visitor.connect(this.#service.daemonUrl)
      visitor.read()
      visitor.disconnect()
    })
  }

  async #repeat(pauseMs: number, act: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await act()
      await delay(pauseMs)
    }
  }
}
