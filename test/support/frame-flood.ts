import type { Socket } from 'node:net'
import { openSocket } from './raw-http.ts'
import { upgradeRequest } from './upgrade.ts'

const HEADER_BYTES = 6
const BUFFER_BYTES = 64 * 1024
const FINAL = 0x80
const MASKED = 0x80
const TEXT = 1
const CONTINUATION = 0
const PONG = 0xa

/** A frame as a client sends it, under a mask of zeros, which leaves the payload as it is. */
export function clientFrame(first: number, payload = ''): Buffer {
  const { length } = Buffer.from(payload)
  const header = Buffer.alloc(length < 126 ? HEADER_BYTES : HEADER_BYTES + 2)
  header[0] = first
  header[1] = MASKED | Math.min(length, 126)
  if (length >= 126) header.writeUInt16BE(length, 2)
  return Buffer.concat([header, Buffer.from(payload)])
}

/** The header of a text that is announced to be so long. */
export function textHeader(length: number): Buffer {
  return clientFrame(FINAL | TEXT, 'x'.repeat(length)).subarray(0, -length)
}

function filled(frame: Buffer): Buffer {
  return Buffer.concat(Array(Math.floor(BUFFER_BYTES / frame.length)).fill(frame))
}

const nested = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`

/** What is fired, again and again. */
export const FLOODS = {
  pongs: filled(clientFrame(FINAL | PONG)),
  fragments: Buffer.concat([clientFrame(TEXT), filled(clientFrame(CONTINUATION))]),
  'small texts': filled(clientFrame(FINAL | TEXT, '{"event":"ping"}')),
  'nested JSON': clientFrame(FINAL | TEXT, `{"event":"ping","data":${nested}}`),
}

/** Upgrades and fires as fast as it can, and comes back when it is cut, until it is stopped. */
export class FrameFlood {
  readonly #url: string
  readonly #bytes: Buffer
  #socket: Socket | undefined
  #isOver = false
  /** How often it was cut. */
  cutCount = 0

  constructor(url: string, bytes: Buffer) {
    this.#url = url
    this.#bytes = bytes
    this.#connect()
  }

  stop(): void {
    this.#isOver = true
    this.#socket?.destroy()
  }

  async #connect(): Promise<void> {
    const socket = await openSocket(this.#url)
    this.#socket = socket
    const { pathname, search } = new URL(this.#url)
    socket.write(upgradeRequest(pathname + search))
    const fire = () => {
      while (!this.#isOver && socket.writable && socket.write(this.#bytes));
    }
    socket.once('data', () => fire())
    socket.on('drain', fire)
    socket.on('close', () => {
      this.cutCount += 1
      if (!this.#isOver) this.#connect()
    })
  }
}
