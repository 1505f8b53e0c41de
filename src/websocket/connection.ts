import type { WebSocket } from 'ws'
import type { PendingEvent } from '../chat/events.ts'

/** Close codes and what a client should do about them; the README's table is this one. */
export const CLOSE = {
  stopping: { code: 1001, reason: 'Server is stopping; reconnect in a few seconds' },
  restarting: { code: 1012, reason: 'Server is restarting; reconnect in a few seconds' },
  slowConsumer: { code: 4408, reason: 'Too slow to read; reconnect and ask for what you missed' },
  tooManyConnections: { code: 4409, reason: 'Too many connections; close one, then reconnect' },
} as const

export interface Close {
  code: number
  reason: string
}

/** Bytes a socket may owe its reader before it counts as stuck. A few hundred messages. */
export const BUFFERED_BYTES_MAX = 1024 * 1024
/** Bytes that a socket which is being told what it missed may owe before it is waited for. */
const PACED_BYTES_MAX = BUFFERED_BYTES_MAX / 4
/** Events that may wait in memory while a socket is still being told what it missed. */
export const WAITING_EVENTS_MAX = 1_000
/** How long a peer has to answer a close before its socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000

interface Waiting {
  event: PendingEvent
  frame: Buffer
}

/**
 * One socket of one user. It starts in the state `catching up`, in which live events wait; `goLive`
 * delivers those and makes it `live`. Either way it is `closed` by the peer, by `close`, or by owing
 * its reader more than BUFFERED_BYTES_MAX: an unbounded buffer would let one stuck phone take the
 * memory of all, and dropping single events would lose them silently.
 */
export class Connection {
  readonly userId: number
  /** The client's address. */
  readonly address: string
  readonly connectedAt = new Date()
  readonly #socket: WebSocket
  #waiting: Waiting[] | undefined = []
  #isAlive = true

  constructor(socket: WebSocket, userId: number, address: string) {
    this.#socket = socket
    this.userId = userId
    this.address = address
    socket.on('pong', () => {
      this.#isAlive = true
    })
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Sends an event in its turn: at once, or once the socket has caught up. */
  deliver(event: PendingEvent, frame: Buffer): void {
    if (this.#waiting === undefined) {
      this.send(frame)
    } else {
      this.#waiting.push({ event, frame })
      if (this.#waiting.length > WAITING_EVENTS_MAX) this.close(CLOSE.slowConsumer)
    }
  }

  /** Sends what waited, and from now on everything at once. */
  goLive(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const { frame } of waiting) this.send(frame)
  }

  /** Sends a frame now, ahead of any that wait. */
  send(frame: Buffer): void {
    if (!this.isOpen) return
    this.#socket.send(frame, { binary: false })
    if (this.#socket.bufferedAmount > BUFFERED_BYTES_MAX) this.close(CLOSE.slowConsumer)
  }

  /** Sends a frame now; resolves when the peer has room for more. For telling what was missed. */
  async sendPaced(frame: Buffer): Promise<void> {
    if (!this.isOpen) return
    const isSent = new Promise((resolve) => this.#socket.send(frame, { binary: false }, resolve))
    if (this.#socket.bufferedAmount > PACED_BYTES_MAX) await isSent
  }

  /** Pings the peer; cuts the socket when the last ping was not answered. */
  checkAlive(): void {
    if (this.#isAlive) {
      this.#isAlive = false
      this.#socket.ping()
    } else {
      this.#socket.terminate()
    }
  }

  close({ code, reason }: Close): void {
    closeSocket(this.#socket, { code, reason })
    this.#waiting = undefined
  }
}

/** Closes with a code, and cuts the socket when the peer does not answer in time. */
export function closeSocket(socket: WebSocket, { code, reason }: Close): void {
  if (socket.readyState !== socket.OPEN) return
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
  socket.once('close', () => clearTimeout(timer))
}
