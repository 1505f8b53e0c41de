import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type HttpAnswer, post } from './clients.ts'
import { expectDescribed } from './described.ts'
import { sizesBelow } from './folders.ts'
import { wavOf } from './media.ts'
import { waitFor } from './wait.ts'

export type Parameters = Record<string, string | number>
type Call = (url: string, parameters: Parameters) => Promise<HttpAnswer>

/** The ways in which a POST may say the same thing. */
export const ENCODINGS: Record<'query' | 'urlencoded' | 'json' | 'multipart', Call> = {
  query: (url, parameters) => post(`${url}?${urlencoded(parameters)}`, new URLSearchParams()),
  urlencoded: (url, parameters) => post(url, urlencoded(parameters)),
  json: (url, parameters) => post(url, parameters),
  multipart: (url, parameters) => post(url, multipart(parameters)),
}

/** The same, one after the other, for a table of tests. */
export const ENCODING_NAMES = Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[]

export function urlencoded(parameters: Parameters): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) form.append(name, String(value))
  return form
}

/** A multipart body; Blobs become files. */
export function multipart(parameters: Record<string, string | number | Blob>): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries(parameters)) {
    if (value instanceof Blob) form.set(name, value, 'file.bin')
    else form.set(name, String(value))
  }
  return form
}

/**
 * One part of a multipart/form-data body, for what fetch() and FormData do not let a client say:
 * odd file names, missing headers, bodies that break off.
 */
export interface Part {
  name: string
  content: string | Buffer
  /** A part with a file name is a file; '' is what browsers send when none was chosen. */
  filename?: string
  contentType?: string
}

const BOUNDARY = 'the-boundary-of-a-test'
/** What ends the body. */
export const BODY_END = Buffer.from(`\r\n--${BOUNDARY}--\r\n`)

export function body(...parts: Part[]): Buffer {
  return Buffer.concat([...parts.flatMap((part) => [partStart(part), content(part)]), BODY_END])
}

/** Everything of a part that comes before its content, which ends with the next part or the body. */
export function partStart({ name, filename, contentType }: Part): Buffer {
  const file = filename === undefined ? '' : `; filename="${filename}"`
  const type = contentType === undefined ? '' : `\r\nContent-Type: ${contentType}`
  const disposition = `Content-Disposition: form-data; name="${name}"${file}`
  return Buffer.from(`\r\n--${BOUNDARY}\r\n${disposition}${type}\r\n\r\n`, 'latin1')
}

export function fields(values: Record<string, string | number>): Part[] {
  return Object.entries(values).map(([name, value]) => ({ name, content: String(value) }))
}

/** Posts a multipart body in one piece. */
export async function postMultipart(url: string, ...parts: Part[]): Promise<HttpAnswer> {
  const content = body(...parts)
  const upload = await StreamingUpload.start(url, content.length)
  await upload.write(content.subarray(0, -BODY_END.length))
  return upload.finish()
}

/**
 * A client that sends a multipart body bit by bit, no faster than the server takes it, and looks at
 * the answer only when it has sent everything: the kind that a server which hangs up early never gets
 * to tell why.
 */
export class StreamingUpload {
  readonly #path: string
  readonly #socket: Socket
  readonly #isChunked: boolean
  #received = Buffer.alloc(0)

  private constructor(path: string, socket: Socket, isChunked: boolean) {
    this.#path = path
    this.#socket = socket
    this.#isChunked = isChunked
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
    onTestFinished(() => this.abort())
  }

  /** @param contentLength of the body; without one it goes in chunked transfer encoding */
  static async start(url: string, contentLength?: number): Promise<StreamingUpload> {
    const { hostname, port, pathname } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const isChunked = contentLength === undefined
    const head = [
      `POST ${pathname} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      `Content-Type: multipart/form-data; boundary=${BOUNDARY}`,
      isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${contentLength}`,
      'Connection: close',
    ]
    const upload = new StreamingUpload(pathname, socket, isChunked)
    await upload.#send(Buffer.from(`${head.join('\r\n')}\r\n\r\n`))
    return upload
  }

  /** Resolves when the network has taken it; rejects when the server has hung up. */
  async write(chunk: Buffer): Promise<void> {
    if (!this.#isChunked) return this.#send(chunk)
    this.#socket.cork()
    this.#socket.write(`${chunk.length.toString(16)}\r\n`)
    this.#socket.write(chunk)
    const sent = this.#send(Buffer.from('\r\n'))
    this.#socket.uncork()
    return sent
  }

  /** Ends the body and reads the answer. */
  async finish(): Promise<HttpAnswer> {
    await this.write(BODY_END)
    if (this.#isChunked) await this.#send(Buffer.from('0\r\n\r\n'))
    return this.answer()
  }

  /** The answer, whether or not the body is complete. */
  async answer(): Promise<HttpAnswer> {
    const isOver = () => this.#socket.closed || parseAnswer(this.#received) !== undefined
    await waitFor(isOver, 'an answer')
    const answer = parseAnswer(this.#received)
    if (answer === undefined) throw new Error('the server hung up without an answer')
    expectDescribed({ method: 'POST', path: this.#path, ...answer })
    return answer
  }

  /** Hangs up, wherever it is. */
  abort(): void {
    this.#socket.destroy()
  }

  #send(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }
}

function content(part: Part): Buffer {
  return Buffer.from(part.content as Buffer)
}

/** Undefined until all of it is there. */
function parseAnswer(received: Buffer): HttpAnswer | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n')
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/, 2) as [string, string]))
  const json = received.subarray(headEnd + 4)
  if (json.length < Number(headers.get('content-length'))) return undefined
  return { status: Number(statusLine.split(' ')[1]), headers, body: JSON.parse(String(json)) }
}

/** Parts that say: from user 1 to user 2. */
export const PEOPLE = fields({ sender_id: 1, receiver_id: 2 })
const HALF_BYTES = 512 * 1024

/** A part that is a file. */
export function file(name: string, content: Buffer, filename = 'file.bin'): Part {
  return { name, content, filename, contentType: 'application/octet-stream' }
}

/** Sends a file from user 1 to user 2. */
export function sendFile(endpoint: string, ...parts: Part[]): Promise<HttpAnswer> {
  return postMultipart(endpoint, ...PEOPLE, ...parts)
}

/** Starts a voice that stops arriving after half a megabyte, most of which is on the disk. */
export async function sendHalf(endpoint: string, uploads: string): Promise<StreamingUpload> {
  const half = Buffer.concat([partStart(file('voice', Buffer.alloc(0))), wavOf(HALF_BYTES)])
  const upload = await StreamingUpload.start(endpoint, 4 * HALF_BYTES)
  await upload.write(half)
  await waitFor(
    () => sizesBelow(uploads).some((bytes) => bytes > HALF_BYTES / 2),
    'half of it on the disk',
  )
  return upload
}

/** An API, where its forms go, and where their files and messages end up. */
export function withPaths<Api extends { url: string }>(api: Api, folder: string) {
  const endpoint = `${api.url}/send_chat_message.php`
  return { ...api, endpoint, uploads: join(folder, 'uploads'), database: join(folder, 'chat.db') }
}
