import { waitFor } from '../../support/wait.ts'
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds, type Usage, usageOf, usedBetween } from '../process-usage.ts'
import { HttpClient } from './http-client.ts'
import { SocketClient } from './socket-client.ts'

/** Senders, keep-alive connections and receiving sockets: one of each for a user. */
export const PEOPLE = 64
/** Users' numbers start here: above whatever a prepared database holds. */
const FIRST_USER_ID = 5_000_001
/** In front of a message's number, so that a frame is found to be that message's without parsing it. */
const MARK = 'number '
const ARRIVAL_TIMEOUT_MS = 60_000
const TICK_MS = 1

/** What was measured in one round, times in ms. */
export interface Traffic {
  acknowledged: number
  seconds: number
  /** From the moment a message was due to its answer. */
  acknowledgements: number[]
  /** From the moment a message was due to its frame at the receiver. */
  deliveries: number[]
  /** Of the peer's processes. */
  server: Usage
  /** Processor time of this process, in seconds. */
  loadCpu: number
}

interface Sending {
  dueAt: number
}

/**
 * People who write to each other in a ring and keep a socket open all the while. What they measure,
 * they measure with one clock, in one process.
 */
export class Chatter {
  readonly #peer: Peer
  readonly #receivers: SocketClient[] = []
  readonly #sendings = new Map<number, Sending>()
  #senders: HttpClient[] = []
  #idle: number[] = []
  #queue: number[] = []
  #nextNumber = 0
  #traffic = noTraffic()
  #refusal: Error | undefined

  private constructor(peer: Peer) {
    this.#peer = peer
  }

  /** @param isHeard false: nobody has a socket, so that only answers are measured */
  static async open(peer: Peer, isHeard = true): Promise<Chatter> {
    const chatter = new Chatter(peer)
    if (!isHeard) return chatter
    const onFrame = (payload: Buffer) => chatter.#onFrame(payload)
    for (let person = 0; person < PEOPLE; person += 1) {
      chatter.#receivers.push(await SocketClient.open(peer, FIRST_USER_ID + person, onFrame))
    }
    return chatter
  }

  /** Everybody sends their next message as soon as the last one is acknowledged. */
  async sendFlatOut(seconds: number): Promise<Traffic> {
    const startedAt = await this.#start()
    const endAt = startedAt + seconds * 1000
    const sendOneByOne = async (person: number) => {
      while (performance.now() < endAt) await this.#send(person, this.#due())
    }
    await Promise.all(this.#senders.map((_, person) => sendOneByOne(person)))
    return this.#finish(startedAt)
  }

  /**
   * Sends at a steady rate, whether or not the server keeps up: a message that is due while all
   * connections are taken waits, and that counts.
   */
  async sendSteadily(perSecond: number, seconds: number): Promise<Traffic> {
    const startedAt = await this.#start()
    const total = perSecond * seconds
    for (let due = 0; due < total; ) {
      const elapsed = performance.now() - startedAt
      const dueByNow = Math.min(total, Math.floor((elapsed / 1000) * perSecond))
      for (; due < dueByNow; due += 1) this.#queue.push(this.#due())
      this.#sendQueued()
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    await waitFor(() => this.#isQuiet(), 'all answers', ARRIVAL_TIMEOUT_MS)
    return this.#finish(startedAt)
  }

  async close(): Promise<void> {
    await Promise.all(this.#receivers.map((receiver) => receiver.close()))
  }

  /** With connections of its own for each round: servers hang up on those that are idle in between. */
  async #start(): Promise<number> {
    const people = Array.from({ length: PEOPLE }, (_, person) => person)
    this.#senders = await Promise.all(people.map(() => HttpClient.open(this.#peer.apiUrl)))
    this.#idle = people
    this.#traffic = { ...noTraffic(), server: usageOf(this.#peer.pids) }
    this.#traffic.loadCpu -= cpuSeconds([process.pid])
    return performance.now()
  }

  /** Resolves when each message that was acknowledged has arrived too. */
  async #finish(startedAt: number): Promise<Traffic> {
    const seconds = (performance.now() - startedAt) / 1000
    if (this.#refusal !== undefined) throw this.#refusal
    if (this.#receivers.length === 0) this.#sendings.clear()
    await waitFor(() => this.#sendings.size === 0, 'all frames', ARRIVAL_TIMEOUT_MS)
    for (const sender of this.#senders) sender.close()
    this.#traffic.loadCpu += cpuSeconds([process.pid])
    const server = usedBetween(this.#traffic.server, usageOf(this.#peer.pids))
    return { ...this.#traffic, server, seconds }
  }

  #isQuiet(): boolean {
    const isAllAnswered = this.#queue.length === 0 && this.#idle.length === PEOPLE
    return isAllAnswered || this.#refusal !== undefined
  }

  /** The number of a message that ought to be sent now. */
  #due(): number {
    const number = this.#nextNumber++
    this.#sendings.set(number, { dueAt: performance.now() })
    return number
  }

  #sendQueued(): void {
    while (this.#queue.length > 0) {
      const person = this.#idle.pop()
      if (person === undefined) return
      this.#sendInTurn(person, this.#queue.shift() as number)
    }
  }

  async #sendInTurn(person: number, number: number): Promise<void> {
    try {
      await this.#send(person, number)
    } catch (error) {
      this.#refusal = error as Error
    }
    this.#idle.push(person)
    this.#sendQueued()
  }

  async #send(person: number, number: number): Promise<void> {
    const dueAt = this.#sendings.get(number)?.dueAt as number
    const [from, to] = [FIRST_USER_ID + person, FIRST_USER_ID + ((person + 1) % PEOPLE)]
    const { status, body } = await (this.#senders[person] as HttpClient).post(
      '/send_chat_message.php',
      `{"sender_id":${from},"receiver_id":${to},"message":"Hello, this is ${MARK}${number}."}`,
    )
    if (status !== 200) throw new Error(`A send was answered ${status}: ${body}`)
    this.#traffic.acknowledged += 1
    this.#traffic.acknowledgements.push(performance.now() - dueAt)
  }

  #onFrame(payload: Buffer): void {
    const mark = payload.indexOf(MARK)
    if (mark === -1) return
    const number = Number.parseInt(payload.toString('latin1', mark + MARK.length, mark + 20), 10)
    const sending = this.#sendings.get(number)
    if (sending === undefined) throw new Error(`Message ${number} arrived twice`)
    this.#sendings.delete(number)
    this.#traffic.deliveries.push(performance.now() - sending.dueAt)
  }
}

function noTraffic(): Traffic {
  return {
    acknowledged: 0,
    seconds: 0,
    acknowledgements: [],
    deliveries: [],
    server: { cpu: 0, writtenBytes: 0, calls: 0 },
    loadCpu: 0,
  }
}
