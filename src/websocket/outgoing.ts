import type { Connection } from './connection.ts'
import type { Frame } from './frame.ts'
import type { Hub } from './hub.ts'

/** Bytes written in one turn of the event loop, before the sockets are served. */
const BYTES_IN_ONE_TURN_MAX = 2 * 1024 * 1024
/** Frames of single sockets in one turn: each costs a write, and a status has many contacts. */
export const SINGLE_FRAMES_MAX = 2_000

/** A difference between one socket's frames and the shared ones. */
interface Splice {
  /** The offset in the shared frames, in bytes. */
  at: number
  /** Bytes of the shared frames, from there, that are not for this socket. */
  omittedBytes: number
  /** A frame for this socket alone. */
  frame: Frame | undefined
}

/**
 * The frames of one poll. Each socket receives its frames in one write, in the order of the events.
 * Frames for all sockets share one buffer, so that a broadcast to thousands costs its length once;
 * a socket with a frame of its own, or without one of the shared ones, receives a copy.
 */
export class Outgoing {
  readonly #shared: Frame[] = []
  #sharedBytes = 0
  readonly #splices = new Map<Connection, Splice[]>()
  #singleCount = 0

  /** Whether it is to be written before more is added. */
  get isFull(): boolean {
    return this.#singleCount >= SINGLE_FRAMES_MAX
  }

  /** A frame for one socket. */
  add(connection: Connection, frame: Frame): void {
    this.#singleCount += 1
    this.#splice(connection, { at: this.#sharedBytes, omittedBytes: 0, frame })
  }

  /** A frame for every live socket but these. */
  addForAll(frame: Frame, except: Iterable<Connection>): void {
    for (const connection of except) {
      const omittedBytes = frame.length
      this.#splice(connection, { at: this.#sharedBytes, omittedBytes, frame: undefined })
    }
    this.#shared.push(frame)
    this.#sharedBytes += frame.length
  }

  /** Resolves when all is written, to the sockets that are live before the first write. */
  async write(hub: Hub): Promise<void> {
    if (this.#sharedBytes === 0) {
      for (const [connection, splices] of this.#splices) connection.write(joined(splices))
      return
    }
    const shared =
      this.#shared.length === 1 ? (this.#shared[0] as Frame) : Buffer.concat(this.#shared)
    const connections = [...hub.all()].filter((connection) => !connection.isRecovering)
    let bytes = 0
    for (const connection of connections) {
      const frames = this.#framesFor(connection, shared)
      connection.write(frames)
      bytes += frames.length
      if (bytes < BYTES_IN_ONE_TURN_MAX) continue
      bytes = 0
      await new Promise(setImmediate)
    }
  }

  #splice(connection: Connection, splice: Splice): void {
    const splices = this.#splices.get(connection)
    if (splices === undefined) this.#splices.set(connection, [splice])
    else splices.push(splice)
  }

  #framesFor(connection: Connection, shared: Frame): Frame {
    const splices = this.#splices.get(connection)
    if (splices === undefined) return shared
    const pieces: Frame[] = []
    let from = 0
    for (const { at, omittedBytes, frame } of splices) {
      pieces.push(shared.subarray(from, at))
      if (frame !== undefined) pieces.push(frame)
      from = at + omittedBytes
    }
    pieces.push(shared.subarray(from))
    return Buffer.concat(pieces)
  }
}

/** The frames of a socket when none are shared. */
function joined(splices: Splice[]): Frame {
  const frames = splices.map(({ frame }) => frame as Frame)
  return frames.length === 1 ? (frames[0] as Frame) : Buffer.concat(frames)
}
