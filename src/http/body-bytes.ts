import type { IncomingMessage } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { ChatError } from '../errors.ts'
import type { Share } from '../limits/quota.ts'
import type { Uploads } from '../media/uploads.ts'
import { type Form, tooLarge } from './form.ts'

/** What a request may send. */
export interface BodyRules {
  /** Bytes of a JSON or urlencoded body, and of a multipart one beside its file. */
  textBytesMax: number
  /** What the body takes of the memory that all share; the caller releases it. */
  memory: Share
  /**
   * Called when a file begins, with the fields before it and before any of it is written. Undefined
   * where no file is taken.
   */
  beginFile: ((form: Form) => Promise<void>) | undefined
  uploads: Uploads
}

/** By events, not through a stream: it is what every send waits for, and most come in one piece. */
export function readBytes(
  request: IncomingMessage,
  { textBytesMax: bytesMax, memory }: BodyRules,
): Promise<Buffer> {
  refuseLonger(request, bytesMax)
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const requestOnData = (chunk: Buffer) => {
      try {
        bytes += chunk.length
        if (bytes > bytesMax) throw tooLong(bytesMax)
        memory.take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        request.off('data', requestOnData)
        chunks.length = 0
        reject(error)
      }
    }
    request.on('data', requestOnData)
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => {
      if (!request.complete) reject(cutShort())
    })
  })
}

/** The request's body, failing with `too_large` as soon as it exceeds `bytesMax`. */
export function limited(request: IncomingMessage, bytesMax: number): Readable {
  refuseLonger(request, bytesMax)
  let bytes = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length
      if (bytes > bytesMax) callback(tooLong(bytesMax))
      else callback(null, chunk)
    },
  })
  request.once('close', () => {
    if (!request.complete) counter.destroy(cutShort())
  })
  return request.pipe(counter)
}

function refuseLonger(request: IncomingMessage, bytesMax: number): void {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLong(bytesMax)
}

function tooLong(bytesMax: number): ChatError {
  return tooLarge('The request', `${bytesMax} bytes`)
}

function cutShort(): ChatError {
  return new ChatError('invalid', 'The request was cut short')
}
