import { isObject, parseObject } from '../chat/json.ts'

/** A complete WebSocket frame, header and all: made once and written to every socket it is for. */
export type Frame = Buffer

const FINAL_TEXT = 0x81
const FINAL_PING = 0x89
const LENGTH_IN_16_BITS = 126
const LENGTH_IN_64_BITS = 127

/** `{"event":…,"data":…}`, with `dataJson` as it stands. */
export function eventFrame(event: string, dataJson: string): Frame {
  return textFrame(`{"event":${JSON.stringify(event)},"data":${dataJson}}`)
}

/** The answer to a frame that could not be handled; `reason` says why. */
export function errorFrame(reason: string): Frame {
  const message = 'Invalid message format'
  return textFrame(JSON.stringify({ event: 'error', message, data: { reason } }))
}

export const PONG_FRAME = textFrame('{"event":"pong"}')

/** The protocol's own ping, empty: the heartbeat that a live client answers with a pong. */
export const PING_FRAME: Frame = Buffer.from([FINAL_PING, 0])

/** A server's text frame (RFC 6455, section 5.2): final, unmasked, uncompressed. */
function textFrame(text: string): Frame {
  const length = Buffer.byteLength(text)
  const header = frameHeader(length)
  const frame = Buffer.allocUnsafe(header.length + length)
  header.copy(frame)
  frame.write(text, header.length)
  return frame
}

function frameHeader(length: number): Buffer {
  if (length < LENGTH_IN_16_BITS) return Buffer.from([FINAL_TEXT, length])
  if (length <= 0xffff) {
    const header = Buffer.from([FINAL_TEXT, LENGTH_IN_16_BITS, 0, 0])
    header.writeUInt16BE(length, 2)
    return header
  }
  const header = Buffer.from([FINAL_TEXT, LENGTH_IN_64_BITS, 0, 0, 0, 0, 0, 0, 0, 0])
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}

/** A frame from a client, in the document's own envelope. */
export interface ClientFrame {
  event: string
  data: Record<string, unknown>
}

/** Undefined for what is not `{"event": "…"}` with, if any, an object as `data`. */
export function parseClientFrame(text: string): ClientFrame | undefined {
  const { event, data = {} } = parseObject(text) ?? {}
  return typeof event === 'string' && isObject(data) ? { event, data } : undefined
}
