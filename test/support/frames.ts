import type { Socket } from 'node:net'
import fc from 'fast-check'
import { bytes, deep, header, jsonObject, mangled, query, value } from './attacks.ts'
import { openSocket, upgradeRequest } from './raw-http.ts'

const HEADER_BYTES = 6
const BUFFER_BYTES = 64 * 1024
const FINAL = 0x80
const MASKED = 0x80
const TEXT = 1
const CONTINUATION = 0
const PONG = 0xa

/** A frame as a client sends it, under a mask of zeros, which leaves the payload as it is. */
function clientFrame(first: number, payload = ''): Buffer {
  const { length } = Buffer.from(payload)
  const header = Buffer.alloc(length < 126 ? HEADER_BYTES : HEADER_BYTES + 2)
  header[0] = first
  header[1] = MASKED | Math.min(length, 126)
  if (length >= 126) header.writeUInt16BE(length, 2)
  return Buffer.concat([header, Buffer.from(payload)])
}

/** A text as a client sends it, in one frame. */
export function textFrame(text: string): Buffer {
  return clientFrame(FINAL | TEXT, text)
}

/** The header of a text that is announced to be so long. */
export function textHeader(length: number): Buffer {
  return textFrame('x'.repeat(length)).subarray(0, -length)
}

function filled(frame: Buffer): Buffer {
  return Buffer.concat(Array(Math.floor(BUFFER_BYTES / frame.length)).fill(frame))
}

const nested = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`

/** What is fired, again and again. */
export const FLOODS = {
  pongs: filled(clientFrame(FINAL | PONG)),
  fragments: Buffer.concat([clientFrame(TEXT), filled(clientFrame(CONTINUATION))]),
  'small texts': filled(textFrame('{"event":"ping"}')),
  'nested JSON': textFrame(`{"event":"ping","data":${nested}}`),
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

/** A frame as it goes over the network, true to RFC 6455 or not. */
export function frameBytes(parts: {
  opcode: number
  isFinal: boolean
  reserved: number
  isMasked: boolean
  lie: number
  payload: Buffer
}): Buffer {
  const length = parts.payload.length + parts.lie
  const first = (parts.isFinal ? 0x80 : 0) | (parts.reserved << 4) | parts.opcode
  const masked = parts.isMasked ? 0x80 : 0
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = first
  if (header.length === 2) header[1] = masked | length
  else header[1] = masked | (header.length === 4 ? 126 : 127)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([header, Buffer.alloc(parts.isMasked ? 4 : 0), parts.payload])
}

/** Text, mostly; binary; a ping. */
const OPCODES = [1, 1, 1, 2, 9]
const frame = fc
  .record({
    opcode: fc.oneof(
      { weight: 30, arbitrary: fc.constantFrom(...OPCODES) },
      { weight: 1, arbitrary: fc.nat(15) },
    ),
    isFinal: fc.oneof({ weight: 12, arbitrary: fc.constant(true) }, fc.boolean()),
    reserved: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, fc.nat(7)),
    isMasked: fc.oneof({ weight: 30, arbitrary: fc.constant(true) }, fc.boolean()),
    /** What the header says beyond the true length. */
    lie: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, fc.constantFrom(1, 70_000, 2 ** 40)),
    payload: fc.oneof(
      { weight: 20, arbitrary: clientEvent().map((all) => Buffer.from(all)) },
      { weight: 1, arbitrary: mangled(clientEvent().map((all) => Buffer.from(all))) },
      { weight: 1, arbitrary: bytes },
      {
        weight: 1,
        arbitrary: fc.constantFrom(4_096, 4_097, 70_000).map((n) => Buffer.alloc(n, 'x')),
      },
    ),
  })
  .map(frameBytes)

function clientEvent(): fc.Arbitrary<string> {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('ping', 'chat:typing', 'chat:read') },
    { weight: 1, arbitrary: fc.constantFrom('constructor', '__proto__', '', 'chat:message') },
  )
  const data = fc.oneof(
    jsonObject,
    value.map((any) => JSON.stringify(any) ?? 'null'),
  )
  const object = fc
    .tuple(event, data)
    .map(([called, told]) => `{"event":${JSON.stringify(called)},"data":${told}}`)
  return fc.oneof({ weight: 12, arbitrary: object }, jsonObject, deepFrame())
}

/** As deep as 4 KB are, and deeper than anybody looks. */
function deepFrame(): fc.Arbitrary<string> {
  return fc
    .constantFrom(['[', 2_000], ['{"a":', 600], ['[', 32_000])
    .map(
      ([open, levels]) => `{"event":"ping","data":{"a":${deep(open as string, levels as number)}}}`,
    )
}

/** Many users: one alone would soon be refused for what all its sockets send together. */
const upgradeQuery = fc.integer({ min: 1, max: 1_000 }).map((userId) => `user_id=${userId}`)

/** An upgrade, mostly a good one, and frames that follow it at once. */
export const socketAttack: fc.Arbitrary<Buffer> = fc
  .record({
    query: fc.oneof({ weight: 3, arbitrary: upgradeQuery }, query),
    headers: fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      fc.array(header, { maxLength: 3 }),
    ),
    frames: fc.array(frame, { minLength: 4, maxLength: 12 }),
  })
  .map(({ query: asked, headers, frames }) => {
    const lines = [
      `GET /?${asked} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      ...headers,
      '',
      '',
    ]
    return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), ...frames])
  })
