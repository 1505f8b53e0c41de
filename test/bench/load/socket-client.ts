import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Peer } from '../peers/peer.ts'

/** What a peer's sockets speak, and where they are. */
export type Door = Pick<Peer, 'socketUrls' | 'protocol'>

const HEAD_END = Buffer.from('\r\n\r\n')
const OPCODE = { text: 0x1, close: 0x8, ping: 0x9 }
const LENGTH_IN_16_BITS = 126
const LENGTH_IN_64_BITS = 127

/** Frames that a client sends, masked (with zeros), as they have to be. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const SOCKET_IO = { connect: maskedText('40'), pong: maskedText('3') }

/**
 * A WebSocket that costs far less than the server's end of it: it hands on what comes as bytes, and
 * answers pings. Speaks plain WebSocket, or Socket.IO's protocol on top of it.
 */
export class SocketClient {
  readonly #socket: Socket
  readonly #protocol: Door['protocol']
  readonly #onFrame: (payload: Buffer) => void
  #received: Buffer = Buffer.alloc(0)
  #isUpgraded = false
  #isGreeted = false
  #greeted: () => void = () => {}

  private constructor(socket: Socket, door: Door, onFrame: (payload: Buffer) => void) {
    this.#socket = socket
    this.#protocol = door.protocol
    this.#onFrame = onFrame
    socket.on('data', (chunk) => this.#socketOnData(chunk))
    socket.on('error', () => {})
  }

  /**
   * Users are spread over the daemons. Resolves once the server has greeted it. Calls `onFrame`
   * with each event's frame from then on.
   */
  static async open(
    door: Door,
    userId: number,
    onFrame: (payload: Buffer) => void = () => {},
  ): Promise<SocketClient> {
    const url = new URL(door.socketUrls[userId % door.socketUrls.length] as string)
    url.searchParams.set('user_id', String(userId))
    const socket = connect(Number(url.port), url.hostname)
    await once(socket, 'connect')
    const client = new SocketClient(socket, door, onFrame)
    await client.#shakeHands(url)
    return client
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return
    this.#socket.destroy()
    await once(this.#socket, 'close')
  }

  #shakeHands(url: URL): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#greeted = resolve
      this.#socket.once('close', () => reject(new Error('The server hung up on a new socket')))
      this.#socket.write(
        `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
          'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
          `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      )
    })
  }

  #socketOnData(chunk: Buffer): void {
    let bytes = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (!this.#isUpgraded) {
      const headEnd = bytes.indexOf(HEAD_END)
      this.#isUpgraded = headEnd !== -1
      if (this.#isUpgraded) bytes = bytes.subarray(headEnd + HEAD_END.length)
    }
    this.#received = this.#isUpgraded ? this.#takeFrames(bytes) : bytes
  }

  /** Returns what is left: the beginning of a frame. */
  #takeFrames(bytes: Buffer): Buffer {
    let start = 0
    for (;;) {
      const payload = payloadAt(bytes, start)
      if (payload === undefined || payload.end > bytes.length) return bytes.subarray(start)
      this.#onPayload(payload.opcode, bytes.subarray(payload.start, payload.end))
      start = payload.end
    }
  }

  #onPayload(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.#socket.write(PONG)
    else if (opcode === OPCODE.close) this.#socket.destroy()
    else if (this.#protocol === 'socket.io') this.#onSocketIo(payload)
    else this.#onEvent(payload)
  }

  /** The packets of its protocol: 0 open, 2 ping, 40 connected, 42 event. */
  #onSocketIo(payload: Buffer): void {
    const type = payload.toString('latin1', 0, 2)
    if (type.startsWith('0')) this.#socket.write(SOCKET_IO.connect)
    else if (type === '2') this.#socket.write(SOCKET_IO.pong)
    else if (type === '42') this.#onEvent(payload)
  }

  #onEvent(payload: Buffer): void {
    if (this.#isGreeted) {
      this.#onFrame(payload)
    } else {
      this.#isGreeted = true
      this.#greeted()
    }
  }
}

/** Where the payload of the frame at `start` lies; undefined while its header is not all there. */
function payloadAt(
  bytes: Buffer,
  frameStart: number,
): { opcode: number; start: number; end: number } | undefined {
  const [first, length] = [bytes[frameStart], bytes[frameStart + 1]]
  if (first === undefined || length === undefined) return undefined
  const opcode = first & 0x0f
  const start = frameStart + 2
  if (length < LENGTH_IN_16_BITS) return { opcode, start, end: start + length }
  const lengthBytes = length === LENGTH_IN_64_BITS ? 8 : 2
  if (bytes.length < start + lengthBytes) return undefined
  // The upper half of 64 bits is zero in any frame that fits into memory.
  const extended = bytes.readUIntBE(start + Math.max(0, lengthBytes - 4), Math.min(lengthBytes, 4))
  return { opcode, start: start + lengthBytes, end: start + lengthBytes + extended }
}

function maskedText(text: string): Buffer {
  const header = Buffer.from([0x80 | OPCODE.text, 0x80 | text.length, 0, 0, 0, 0])
  return Buffer.concat([header, Buffer.from(text)])
}
