import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Transform } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { openWebServer, type WebServer } from '../network.ts'
import { refuse } from './server.ts'
import type { Refusal } from './signature.ts'

/** What happens to a request on its way to an S3 server. */
export interface Harm {
  /** It is answered at once, without the server. */
  refusal?: Refusal
  /** It gets no answer at all. */
  isSilent?: boolean
  /** The connection breaks off after so many bytes of its body. */
  cutsBodyAt?: number
  /** The connection breaks off after so many bytes of the answer's body; at 0 before its head. */
  cutsAnswerAt?: number
  /** Each piece of a body and of an answer takes so long. */
  delayMs?: number
}

/** 'PUT chat/images/0123.jpg'; 'GET' for a list of the bucket. */
export type Asked = string

/** The way to an S3 server, on which a test does harm to requests. */
export class S3Proxy {
  /** All requests so far. */
  readonly asked: Asked[] = []
  /** Says what happens to a request. */
  harm: (asked: Asked) => Harm | undefined = () => undefined
  /** Bytes of answers that clients have taken, or that wait for them. */
  answeredBytes = 0
  /** Requests that are not over. */
  openCount = 0
  readonly #targetUrl: string
  #server: WebServer | undefined

  private constructor(targetUrl: string) {
    this.#targetUrl = targetUrl
  }

  static async open(targetUrl: string): Promise<S3Proxy> {
    const proxy = new S3Proxy(targetUrl)
    proxy.#server = await openWebServer((request, response) => proxy.#carry(request, response))
    return proxy
  }

  get url(): string {
    return this.#server?.url ?? ''
  }

  /** From now on nobody listens. */
  close(): void {
    this.#server?.close()
  }

  async #carry(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.openCount += 1
    response.on('close', () => {
      this.openCount -= 1
    })
    const [, , ...key] = new URL(request.url ?? '', this.#targetUrl).pathname.split('/')
    const asked = `${request.method} ${key.join('/')}`.trimEnd()
    this.asked.push(asked)
    const harm = this.harm(asked) ?? {}
    if (harm.refusal !== undefined) refuse(response, harm.refusal)
    else if (harm.isSilent) request.resume()
    else this.#forward(request, response, harm)
  }

  #forward(request: IncomingMessage, response: ServerResponse, harm: Harm): void {
    const { method = '', url = '', headers } = request
    const forwarded = httpRequest(this.#targetUrl + url, { method, headers, agent: false })
    const cut = () => {
      request.socket.destroy()
      forwarded.destroy()
    }
    response.on('close', () => forwarded.destroy())
    forwarded.on('error', () => method !== 'HEAD' && cut())
    forwarded.on('response', (answer) => {
      if (harm.cutsAnswerAt === 0) return cut()
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      // Swift sends a body after the head of an error, which is an error of its own here.
      if (method === 'HEAD') return response.end()
      const passing = harmed(harm.cutsAnswerAt, harm.delayMs, cut)
      passing.on('data', (chunk: Buffer) => {
        this.answeredBytes += chunk.length
      })
      answer.on('error', cut).pipe(passing).pipe(response)
    })
    request
      .on('error', cut)
      .pipe(harmed(harm.cutsBodyAt, harm.delayMs, cut))
      .pipe(forwarded)
  }
}

function harmed(bytesMax = Number.POSITIVE_INFINITY, delayMs = 0, cut: () => void): Transform {
  let bytes = 0
  return new Transform({
    async transform(chunk: Buffer, _encoding, callback) {
      if (delayMs > 0) await delay(delayMs)
      const taken = chunk.subarray(0, bytesMax - bytes)
      bytes += chunk.length
      callback(null, taken)
      if (bytes > bytesMax) cut()
    },
  })
}
