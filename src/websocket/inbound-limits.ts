import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { Connection } from './connection.ts'

/** The size of a pong. Chunks up to this size are not counted: their frames are. */
const EMPTY_FRAME_BYTES = 6

/** The sender of a socket or stream, stored on it: the garbage collector walks over a WeakMap. */
const SENDER = Symbol('sender')
/** For a client that was rejected, its address. */
type Sender = Connection | string
interface Sent {
  [SENDER]?: Sender
}

function senderOf(source: WebSocket | Duplex): Sender {
  return (source as Sent)[SENDER] as Sender
}

function setSender(source: WebSocket | Duplex, sender: Sender): void {
  ;(source as Sent)[SENDER] = sender
}

/**
 * Counts what clients send before it is parsed: frames and bytes, of all sockets of a user
 * together. A socket beyond the limit is closed with 4429. The bytes of a rejected client count for
 * its address. Beyond the limit the stream is paused: backpressure reaches the sender.
 *
 * An idle socket costs nothing: the listeners are shared, and the pong that answers a ping is not
 * counted.
 */
export class InboundLimits {
  readonly #frames = new RateLimit(limits.frames)
  readonly #bytes = new RateLimit(limits.frameBytesPerSecond)
  readonly #socketOnPing: (this: WebSocket) => void
  readonly #socketOnPong: (this: WebSocket) => void
  readonly #streamOnData: (this: Duplex, chunk: Buffer) => void

  constructor() {
    const onPing = (socket: WebSocket) => this.accepts(senderOf(socket) as Connection)
    const onPong = (socket: WebSocket) => this.#pong(senderOf(socket) as Connection)
    const onData = (stream: Duplex, chunk: Buffer) => this.#data(stream, chunk)
    this.#socketOnPing = function () {
      onPing(this)
    }
    this.#socketOnPong = function () {
      onPong(this)
    }
    this.#streamOnData = function (chunk) {
      onData(this, chunk)
    }
  }

  /** Counts what this connection receives, except its messages: call `accepts` for each of them. */
  attach(connection: Connection, socket: WebSocket, stream: Duplex): void {
    setSender(socket, connection)
    socket.on('ping', this.#socketOnPing)
    socket.on('pong', this.#socketOnPong)
    this.#attachTo(stream, connection)
  }

  /** Counts what a rejected client still sends. */
  attachRejected(address: string, stream: Duplex): void {
    this.#attachTo(stream, address)
  }

  /** Counts a frame; resolves with whether to handle it. */
  async accepts(connection: Connection): Promise<boolean> {
    if (!connection.isOpen) return false
    if (!(await this.#frames.tryCount(connection.userId))) connection.closeFlooding()
    return connection.isOpen
  }

  /** Ahead of the listener of `ws`, so that a chunk is counted before it is parsed. */
  #attachTo(stream: Duplex, sender: Sender): void {
    setSender(stream, sender)
    stream.prependListener('data', this.#streamOnData)
  }

  #pong(connection: Connection): void {
    if (!connection.pongReceived()) this.accepts(connection)
  }

  async #data(stream: Duplex, { length }: Buffer): Promise<void> {
    if (length <= EMPTY_FRAME_BYTES) return
    const sender = senderOf(stream)
    const key = typeof sender === 'string' ? sender : sender.userId
    if (await this.#bytes.tryCount(key, length)) return
    if (typeof sender !== 'string' && sender.isOpen) sender.closeFlooding()
    else stream.pause()
  }
}
