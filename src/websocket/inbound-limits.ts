import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import type { Connection } from './connection.ts'

/** The answer to a ping. Chunks as short as that are not worth a count: their frames have one. */
const EMPTY_FRAME_BYTES = 6

/** Whose a socket or stream is. Stored on it: the collector walks over a WeakMap again and again. */
const SENDER = Symbol('sender')
/** For a client that was refused, its address. */
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
 * Counts what clients send before anything is done with it: frames, and the bytes that come in, of
 * all sockets of a user together. A socket that goes beyond is closed with 4429. A client that was
 * refused is no user: its bytes count for its address. Beyond the limit nothing more is read.
 *
 * An idle socket costs nothing here: the listeners are shared, and the pong that answers a ping is
 * not counted.
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

  /** Counts what this connection receives, but for its messages: ask `accepts` for each of them. */
  watch(connection: Connection, socket: WebSocket, stream: Duplex): void {
    setSender(socket, connection)
    socket.on('ping', this.#socketOnPing)
    socket.on('pong', this.#socketOnPong)
    this.#watchStream(stream, connection)
  }

  /** Counts what still comes from a client that was refused. */
  watchRefused(address: string, stream: Duplex): void {
    this.#watchStream(stream, address)
  }

  /** Counts a frame; resolves with whether it is to be looked at. */
  async accepts(connection: Connection): Promise<boolean> {
    if (!connection.isOpen) return false
    if (!(await this.#frames.tryCount(connection.userId))) connection.closeFlooding()
    return connection.isOpen
  }

  /** Ahead of the listener of `ws`, so that a chunk is counted before it is taken apart. */
  #watchStream(stream: Duplex, sender: Sender): void {
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
