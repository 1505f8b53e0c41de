import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface HttpAnswer {
  status: number
  body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')
/** `HTTP/1.1 200 `: where the status stands. */
const STATUS_START = 9

/**
 * A keep-alive connection that asks one thing at a time, and costs far less than the server it asks:
 * it writes a request in one piece and looks no further into the answer than to find its end.
 */
export class HttpClient {
  readonly #socket: Socket
  readonly #host: string
  #received: Buffer = Buffer.alloc(0)
  #answered: ((answer: HttpAnswer) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#socketOnData(chunk))
    socket.on('close', () => this.#failed?.(new Error('The server hung up before it answered')))
    socket.on('error', () => {})
  }

  static async open(url: string): Promise<HttpClient> {
    const { hostname, port, host } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new HttpClient(socket, host)
  }

  get(path: string): Promise<HttpAnswer> {
    return this.#ask(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`)
  }

  /** `json` is the body as it stands, in ASCII. */
  post(path: string, json: string): Promise<HttpAnswer> {
    return this.#ask(
      `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${json.length}\r\n\r\n${json}`,
    )
  }

  close(): void {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #ask(request: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      this.#socket.write(request, 'latin1')
    })
  }

  #socketOnData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const answer = parseAnswer(this.#received)
    if (answer === undefined) return
    this.#received = Buffer.alloc(0)
    this.#failed = undefined
    this.#answered?.(answer)
  }
}

/** Undefined while there is more to come. Knows the two ways in which an answer says how long it is. */
function parseAnswer(bytes: Buffer): HttpAnswer | undefined {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd === -1) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const body = bytes.subarray(headEnd + HEAD_END.length)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  const isWhole = length === undefined ? body.includes(LAST_CHUNK) : body.length >= Number(length)
  return isWhole ? { status: Number(head.slice(STATUS_START, STATUS_START + 3)), body } : undefined
}
