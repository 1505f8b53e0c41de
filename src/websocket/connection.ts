import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { PendingEvent } from '../chat/model.ts'
import { DISCONNECT_EVENT } from '../chat/rules.ts'
import type { ChatError } from '../errors.ts'
import { limits } from '../limits.ts'
import { type Frame, PING_FRAME } from './frame.ts'

/** Close codes and what a client should do about them; the README's table is this one. */
export const CLOSE = {
  stopping: { code: 1001, reason: 'Server is stopping; reconnect in a few seconds' },
  failed: { code: 1011, reason: 'Something went wrong here; reconnect in a few seconds' },
  restarting: { code: 1012, reason: 'Server is restarting; reconnect in a few seconds' },
  expired: { code: 4401, reason: 'The token has expired: get a new one, then reconnect' },
  signedOut: { code: 4401, reason: 'You were signed out: log in again' },
  slowConsumer: { code: 4408, reason: 'Too slow to read; reconnect and ask for what you missed' },
  tooManyConnections: { code: 4409, reason: 'Too many connections; close one, then reconnect' },
  tooManyFrames: { code: 4429, reason: 'Too many frames; send fewer' },
} as const

export interface Close {
  code: number
  reason: string
}

/** The close code of a client that may not do what it wants. */
export const FORBIDDEN = 4403

/** The one place where an error becomes a close code. */
export function closeFor(error: ChatError): Close {
  switch (error.code) {
    case 'invalid':
      return { code: 4400, reason: error.message }
    case 'unauthenticated':
      return { code: 4401, reason: error.message }
    case 'forbidden':
      return { code: FORBIDDEN, reason: error.message }
    default:
      return CLOSE.failed
  }
}

/** What a close frame has room for (RFC 6455, section 5.5). */
const REASON_BYTES_MAX = 123
/** The longest that a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Bytes that a socket which is being told what it missed may owe before it is waited for. */
const PACED_BYTES_MAX = 256 * 1024
/** How long a peer has to answer a close before `ws` cuts its socket. */
export const CLOSE_TIMEOUT_MS = 2_000

interface Waiting {
  event: PendingEvent
  frame: Frame
}

/**
 * One socket of one user. It starts in the state `catching up`, in which live events wait; `goLive`
 * delivers those and makes it `live`. Either way it is `closed` by the peer, by `close`, or by owing
 * its reader more than limits.unreadBytes.max: an unbounded buffer would let one stuck phone take the
 * memory of all, and dropping single events would lose them silently.
 *
 * What the peer says is not read before the greeting has gone out: whatever it asks is answered.
 *
 * Frames are written past `ws`, straight to the stream below it: it would make the same header again
 * for each of thousands of sockets. `ws` itself writes there at once and in one piece too (it has
 * nothing to compress), so the two never interleave within a frame.
 */
export class Connection {
  readonly userId: number
  /** The client's address. */
  readonly address: string
  readonly #socket: WebSocket
  readonly #stream: Duplex
  /** Events that are not for this socket; hardly any has one. */
  #skipped: Set<number> | undefined
  #waiting: Waiting[] | undefined = []
  #replayedThrough = 0
  #isGreeted = false
  #isAlive = true
  #closedWith: Close | undefined

  constructor(socket: WebSocket, stream: Duplex, userId: number, address: string) {
    this.#socket = socket
    this.#stream = stream
    this.userId = userId
    this.address = address
    socket.pause()
  }

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  /** With what this side closed it; undefined when the peer did. */
  get closedWith(): Close | undefined {
    return this.#closedWith
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Sends an event, or does what it says, in its turn: at once, or once the socket has caught up. */
  deliver(event: PendingEvent, frame: Frame): void {
    if (this.#waiting === undefined) {
      if (event.event === DISCONNECT_EVENT) this.close(CLOSE.signedOut)
      else if (!this.#isRepeated(event)) this.send(frame)
    } else {
      this.#waiting.push({ event, frame })
      if (this.#waiting.length > limits.waitingEvents.max) this.close(CLOSE.slowConsumer)
    }
  }

  /**
   * Sends what waited, and from now on everything at once.
   *
   * @param replayedThrough the message up to which this socket has been told all already
   */
  goLive(replayedThrough = 0): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    this.#replayedThrough = replayedThrough
    for (const { event, frame } of waiting) this.deliver(event, frame)
  }

  /** Keeps an event from this one socket of its user: the one that caused it. */
  skip(eventId: number): void {
    this.#skipped ??= new Set()
    this.#skipped.add(eventId)
  }

  /** Sends chat:connected. Nothing goes out before it. */
  greet(hello: Frame): void {
    this.#isGreeted = true
    this.send(hello)
    this.#socket.resume()
  }

  /**
   * Sends a frame, or several in one piece, now, ahead of any that wait. What has to be told in
   * order, or at all, goes through `deliver`.
   */
  send(frame: Frame): void {
    if (!this.isOpen || !this.#isGreeted) return
    this.#stream.write(frame)
    if (this.bufferedBytes > limits.unreadBytes.max) this.close(CLOSE.slowConsumer)
  }

  /** Sends a frame now; resolves when the peer has room for more. For telling what was missed. */
  async sendPaced(frame: Frame): Promise<void> {
    if (!this.isOpen) return
    const isSent = new Promise((resolve) => this.#stream.write(frame, resolve))
    if (this.bufferedBytes > PACED_BYTES_MAX) await isSent
  }

  /** Closes the socket when what its user proved themselves with ends, in ms since 1970. */
  expireAt(time: number): void {
    const waitMs = Math.min(Math.max(time - Date.now(), 0), TIMER_MS_MAX)
    const timer = setTimeout(() => this.close(CLOSE.expired), waitMs)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  /** Call for each pong; returns whether it was asked for. */
  answered(): boolean {
    const wasAsked = !this.#isAlive
    this.#isAlive = true
    return wasAsked
  }

  /** Pings the peer; cuts the socket when the last ping was not answered. */
  checkAlive(): void {
    if (this.#isAlive) {
      this.#isAlive = false
      if (this.isOpen) this.#stream.write(PING_FRAME)
    } else {
      this.#socket.terminate()
    }
  }

  close(close: Close): void {
    if (this.isOpen) this.#closedWith = close
    closeSocket(this.#socket, close)
    this.#waiting = undefined
  }

  /** Closes a socket whose peer sends too much: what is still to come from it, a close too, is not read. */
  closeFlooding(): void {
    this.close(CLOSE.tooManyFrames)
    this.#socket.pause()
    this.#stream.end()
  }

  #isRepeated({ eventId, messageId }: PendingEvent): boolean {
    if (this.#skipped?.delete(eventId)) return true
    return messageId !== null && messageId <= this.#replayedThrough
  }
}

/** Closes with a code. */
export function closeSocket(socket: WebSocket, { code, reason }: Close): void {
  if (socket.readyState === socket.OPEN) socket.close(code, closeReason(reason))
}

/** As much of a reason as fits, in whole characters: a peer takes half a one for a broken frame. */
function closeReason(reason: string): Buffer {
  const bytes = Buffer.alloc(REASON_BYTES_MAX)
  const { written } = new TextEncoder().encodeInto(reason, bytes)
  return bytes.subarray(0, written)
}
