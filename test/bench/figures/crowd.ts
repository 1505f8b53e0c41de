import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../support/wait.ts'
import type { Figure } from '../figure.ts'
import { Chatter } from '../load/chatter.ts'
import { HttpClient } from '../load/http-client.ts'
import { SocketClient } from '../load/socket-client.ts'
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds, residentBytesOf } from '../process-usage.ts'
import { alternate, pick } from '../rounds.ts'
import { median } from '../statistics.ts'

const SOCKETS = 2_000
/** Sockets that come first, and people who write: what a process takes once, it has taken then. */
const FIRST_SOCKETS = 500
const CHATTER_SECONDS = 1
const HANDSHAKES_AT_ONCE = 64
const EVENTS = 20
const WARM_UP_EVENTS = 5
const ROUNDS = 6
/** Longer than between two chores of ours: what they start at this size is counted every time. */
const SETTLE_MS = 1_500
const READINGS = 5
const READING_INTERVAL_MS = 100
const EVENT = '{"event":"bench:news","data":{"text":"Something that everybody is to know"}}'

interface Round {
  acceptSeconds: number
  bytesPerSocket: number
  framesPerSecond: number
  cpuMicrosecondsPerFrame: number
}

/** Starts a peer for one round: memory is only comparable in processes of the same age. */
export type Starters = Record<string, () => Promise<Peer>>

/**
 * Fan-out misses its target against Socket.IO: to write a frame to a socket costs the kernel 6.5 µs,
 * whoever writes it. Ours and the floor spend 3 to 4 µs on top of that, Socket.IO 7 to 8: that makes
 * 1.3 to 1.4 times its frames, and would make 1.5 only if ours cost next to nothing. Memory is
 * measured with the small young generation that the daemon is given; with V8's own it is 14 KB a
 * socket, a room that 2,000 sockets share.
 */
export async function crowd(starters: Starters): Promise<Figure[]> {
  const results = await alternate(
    ROUNDS,
    Object.fromEntries(
      Object.entries(starters).map(([name, start]) => [name, () => playRound(start)]),
    ),
  )
  return [
    {
      name: `Fan-out of one event to ${SOCKETS} sockets`,
      unit: 'frames/s',
      rounds: pick(results, (round) => round.framesPerSecond),
      targets: [
        { bound: 'at least', value: 0.9, of: 'floor' },
        { bound: 'at least', value: 1.5, of: 'socket.io' },
      ],
    },
    {
      name: 'Processor time of the server per frame',
      unit: 'µs',
      rounds: pick(results, (round) => round.cpuMicrosecondsPerFrame),
    },
    {
      name: 'Memory per idle socket',
      unit: 'KB',
      rounds: pick(results, (round) => round.bytesPerSocket / 1024),
      targets: [
        { bound: 'at most', value: 1.2, of: 'floor' },
        { bound: 'at most', value: 0.6, of: 'socket.io' },
      ],
    },
    {
      name: `Accepting ${SOCKETS} sockets`,
      unit: 's',
      rounds: pick(results, (round) => round.acceptSeconds),
    },
  ]
}

async function playRound(start: () => Promise<Peer>): Promise<Round> {
  const peer = await start()
  const audience = new Audience(peer)
  try {
    const chatter = await Chatter.open(peer)
    await chatter.sendFlatOut(CHATTER_SECONDS)
    await chatter.close()
    await audience.join(FIRST_SOCKETS)
    const bytesBefore = await settledBytes(peer)
    const acceptSeconds = await audience.join(SOCKETS)
    const bytesPerSocket = ((await settledBytes(peer)) - bytesBefore) / SOCKETS
    await audience.leave(FIRST_SOCKETS)
    return { acceptSeconds, bytesPerSocket, ...(await fanOut(peer, audience)) }
  } finally {
    await audience.leave()
    await peer.stop()
  }
}

async function fanOut(peer: Peer, audience: Audience) {
  const sender = await HttpClient.open(peer.apiUrl)
  const seconds: number[] = []
  const tell = () => audience.tell(sender)
  for (let event = 0; event < WARM_UP_EVENTS; event += 1) await tell()
  const cpuBefore = cpuSeconds(peer.pids)
  for (let event = 0; event < EVENTS; event += 1) seconds.push(await tell())
  const cpu = cpuSeconds(peer.pids) - cpuBefore
  sender.close()
  return {
    framesPerSecond: SOCKETS / median(seconds),
    cpuMicrosecondsPerFrame: (cpu / EVENTS / SOCKETS) * 1e6,
  }
}

/** The lowest of some readings: garbage that is about to be collected is nobody's memory. */
async function settledBytes(peer: Peer): Promise<number> {
  await delay(SETTLE_MS)
  const readings: number[] = []
  for (let reading = 0; reading < READINGS; reading += 1) {
    await delay(READING_INTERVAL_MS)
    readings.push(residentBytesOf(peer.pids))
  }
  return Math.min(...readings)
}

/** Everybody who is connected, and how many of them an event has reached. */
class Audience {
  readonly #peer: Peer
  readonly #members: SocketClient[] = []
  #frames = 0

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Returns how long it took, in seconds. */
  async join(count: number): Promise<number> {
    const startedAt = performance.now()
    const target = this.#members.length + count
    let userId = this.#members.length
    const joinOneByOne = async () => {
      while (userId < target) {
        userId += 1
        this.#members.push(await SocketClient.open(this.#peer, userId, () => this.#onFrame()))
      }
    }
    await Promise.all(Array.from({ length: HANDSHAKES_AT_ONCE }, joinOneByOne))
    return (performance.now() - startedAt) / 1000
  }

  async leave(count = this.#members.length): Promise<void> {
    await Promise.all(this.#members.splice(0, count).map((member) => member.close()))
  }

  /** Resolves, when an event has reached all, with how long that took, in seconds. */
  async tell(sender: HttpClient): Promise<number> {
    this.#frames = 0
    const startedAt = performance.now()
    const reached = new Promise<number>((resolve) => {
      this.#onLast = () => resolve(performance.now())
    })
    const { status, body } = await sender.post('/chat_websocket_broadcast.php', EVENT)
    if (status !== 200) throw new Error(`A broadcast was answered ${status}: ${body}`)
    const reachedAt = await reached
    await waitFor(() => this.#frames === this.#members.length, 'every frame')
    return (reachedAt - startedAt) / 1000
  }

  #onLast: () => void = () => {}

  #onFrame(): void {
    this.#frames += 1
    if (this.#frames === this.#members.length) this.#onLast()
  }
}
