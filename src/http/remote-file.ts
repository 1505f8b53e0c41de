import type { Stats } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { SendStream } from 'send'
import type { MediaStore } from '../media/media-store.ts'

/** Headers that make an answer depend on the size or version of the file. */
const CONDITIONS = [
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
]

/** Headers of a file, not of an error in its place. */
const FILE_HEADERS = ['Accept-Ranges', 'Content-Range', 'ETag', 'Last-Modified']

type Get = Required<MediaStore>['get']

/**
 * Lets `send` answer with the files of another server: it decides on ranges, conditions and headers
 * as it does for files on the disk, so what a client may ask for does not depend on that server.
 * Only its two accesses to the disk are replaced, `stat` and the stream.
 *
 * @param reject called when the other server fails before anything is sent
 */
export function readFrom(
  get: Get,
  sending: SendStream,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  reject: (error: unknown) => void,
): void {
  const gone = new AbortController()
  const { signal } = gone
  response.once('close', () => gone.abort())
  if (response.destroyed) gone.abort()
  const settle = (work: Promise<void>) => {
    work.catch((error) => {
      if (signal.aborted) return
      if (!response.headersSent) for (const name of FILE_HEADERS) response.removeHeader(name)
      reject(error)
    })
  }
  let whole: IncomingMessage | undefined
  const find = async (path: string) => {
    // Without a name it would be the bucket itself, which answers with all that it has.
    if (path.endsWith(sep)) return sending.error(404)
    // A file that goes out as it is takes one request; any other takes one for its head before.
    const isWhole = request.method === 'GET' && !CONDITIONS.some((name) => request.headers[name])
    const answer = await get(keyOf(path), { method: isWhole ? 'GET' : 'HEAD', signal })
    if (answer === undefined) return sending.error(404)
    if (isWhole) whole = answer
    else answer.resume()
    response.setHeader('ETag', answer.headers.etag ?? '')
    sending.send(path, statsOf(answer))
  }
  const pass = async (path: string, start: number, end: number) => {
    const range = `bytes=${start}-${end}`
    const answer = whole ?? (await get(keyOf(path), { method: 'GET', range, signal }))
    if (answer === undefined) return sending.error(404)
    assertLength(answer, response)
    await pipeline(answer, response)
  }
  sending.sendFile = (path) => settle(find(path))
  sending.stream = (path, { start, end }: { start: number; end: number }) =>
    settle(pass(path, start, end))
}

/** `send` has made the path absolute. */
function keyOf(path: string): string {
  return path.slice(1)
}

/** What `send` reads of them. */
function statsOf({ headers }: IncomingMessage): Stats {
  const mtime = new Date(headers['last-modified'] ?? 0)
  return { size: Number(headers['content-length']), mtime } as Stats
}

/** More bytes than were promised would be taken for the next answer. */
function assertLength(answer: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': length } = answer.headers
  if (length !== undefined && Number(length) === response.getHeader('Content-Length')) return
  answer.destroy()
  throw new Error(`The bucket gives ${length} bytes for ${response.getHeader('Content-Length')}`)
}
