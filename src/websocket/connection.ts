import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { limits } from '../limits/limits.ts'
import { CLOSE, type Close, closeSocket } from './close-codes.ts'
import { type Frame, PING_FRAME } from './frame.ts'

/** The longest that a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** Buffered bytes of a socket in recovery before its replay waits: the backpressure of a replay. */
const PACED_BYTES_MAX = 256 * 1024
/** The time for a peer to answer a close before `ws` cuts its socket. */
export const CLOSE_TIMEOUT_MS = 2_000

/** An event held until recovery ends; one without a frame closes the socket. */
interface Held {
  messageId: number | null
  frame: Frame | undefined
}

/**
 * One socket of one user. States: `recovering`, in which live events are held; `live`, after
 * `goLive` has sent those; `closed`, by the peer, by `close`, or by backpressure.
 *
 * Backpressure: a socket whose reader is slow buffers up to limits.unreadBytes.max, then it is
 * closed as a slow consumer. An unbounded buffer would let one stuck phone take the memory of all,
 * and dropping single events would lose them silently.
 *
 * Frames of the peer are not read before chat:connected is sent, so that each can be answered. The
 * stream is corked until then, or until a close: the answer to the handshake waits in it.
 *
 * Frames are written past `ws`, straight to the stream below it: it would make the same header
 * again for each of thousands of sockets. `ws` also writes there at once and in one piece (it has
 * nothing to compress), so the two never interleave within a frame.
 */
export class Connection {
  readonly userId: number
  /** The client's address. */
  readonly address: string
  readonly #socket: WebSocket
  readonly #stream: Duplex
  /** Undefined once the socket is live. */
  #held: Held[] | undefined = []
  /** The high-water mark of the replay: messages up to this id are at the client. */
  #replayedThrough = 0
  #isConnected = false
  #isAlive = true
  #closedWith: Close | undefined

  constructor(socket: WebSocket, stream: Duplex, userId: number, address: string) {
    this.#socket = socket
    this.#stream = stream
    this.userId = userId
    this.address = address
    socket.pause()
  }

  /** Bytes that the peer has not read yet. */
  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  /** The close of this side; undefined when the peer closed. */
  get closedWith(): Close | undefined {
    return this.#closedWith
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  get isRecovering(): boolean {
    return this.#held !== undefined
  }

  /**
   * Offers an event for this socket. Returns whether to write its frame now: a recovering socket
   * holds it, and one whose message was replayed is a duplicate.
   */
  offer(messageId: number | null, frame: Frame): boolean {
    if (this.#held === undefined) return !this.#isReplayed(messageId)
    this.#hold({ messageId, frame })
    return false
  }

  /** Closes the socket of a user who was signed out; in recovery, after the events held before. */
  signOut(): void {
    if (this.#held === undefined) this.close(CLOSE.signedOut)
    else this.#hold({ messageId: null, frame: undefined })
  }

  /**
   * Ends recovery: sends the events that were held.
   *
   * @param replayedThrough the newest message that the client has, by last_message_id or by replay
   */
  goLive(replayedThrough = 0): void {
    const held = this.#held ?? []
    this.#held = undefined
    this.#replayedThrough = replayedThrough
    const signOutAt = held.findIndex(({ frame }) => frame === undefined)
    const sent = signOutAt === -1 ? held : held.slice(0, signOutAt)
    const frames = sent.filter(({ messageId }) => !this.#isReplayed(messageId))
    if (frames.length > 0) this.write(Buffer.concat(frames.map(({ frame }) => frame as Frame)))
    if (signOutAt !== -1) this.close(CLOSE.signedOut)
  }

  /** Sends chat:connected, before any other frame. */
  sendConnected(frame: Frame): void {
    this.#isConnected = true
    this.write(frame)
    this.#stream.uncork()
    this.#socket.resume()
  }

  /** Writes a frame, or several in one piece, ahead of those that are held. */
  write(frames: Frame): void {
    if (!this.isOpen || !this.#isConnected) return
    this.#stream.write(frames)
    if (this.bufferedBytes > limits.unreadBytes.max) this.close(CLOSE.slowConsumer)
  }

  /** Writes a frame with backpressure: resolves when the peer has room for more. For a replay. */
  async writePaced(frame: Frame): Promise<void> {
    if (!this.isOpen) return
    const isWritten = new Promise((resolve) => this.#stream.write(frame, resolve))
    if (this.bufferedBytes > PACED_BYTES_MAX) await isWritten
  }

  /** Closes the socket when its user's token expires, in ms since 1970. */
  expireAt(time: number): void {
    const waitMs = Math.min(Math.max(time - Date.now(), 0), TIMER_MS_MAX)
    const timer = setTimeout(() => this.close(CLOSE.expired), waitMs)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  /** Call for each pong; returns whether it answers a ping. */
  pongReceived(): boolean {
    const wasAsked = !this.#isAlive
    this.#isAlive = true
    return wasAsked
  }

  /**
   * The heartbeat of the socket: pings the peer; cuts a socket that did not answer the last ping.
   */
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
    this.#stream.uncork()
  }

  /**
   * Closes a socket whose peer sends too much, and reads nothing more from it, a close included.
   */
  closeFlooding(): void {
    this.close(CLOSE.tooManyFrames)
    this.#socket.pause()
    this.#stream.end()
  }

  #hold(held: Held): void {
    if (!this.isOpen) return
    this.#held?.push(held)
    if (this.#held !== undefined && this.#held.length > limits.waitingEvents.max) {
      this.close(CLOSE.slowConsumer)
      this.#held = []
    }
  }

  #isReplayed(messageId: number | null): boolean {
    return messageId !== null && messageId <= this.#replayedThrough
  }
}
