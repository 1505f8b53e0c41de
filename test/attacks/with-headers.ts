import type { Headers } from './mode.ts'

/** Bytes of a request with some more headers, right after its first line. */
export function withHeaders(bytes: Buffer, headers: Headers): Buffer {
  const lineEnd = bytes.indexOf('\r\n') + 2
  if (lineEnd === 1) return bytes
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([
    bytes.subarray(0, lineEnd),
    Buffer.from(lines.join('')),
    bytes.subarray(lineEnd),
  ])
}
