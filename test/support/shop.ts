import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { onTestFinished } from 'vitest'
import { freePort } from './network.ts'

export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** A webhook that the shop got, its signature verified. */
export interface Pushed {
  id: string
  type: string
  timestamp: string
  data: Record<string, unknown> & { message_id: number; receiver_id: number; message: string }
}

/** How the shop answers: with a status and headers, or the connection is cut, or nothing comes. */
export type Answer = { status: number; headers?: Record<string, string> } | 'cut' | 'nothing'

/** The shop's own application: an HTTP server that verifies what it gets by the library's verifier. */
export class TestShop {
  readonly port: number
  /** What it has answered with 2xx, in order. */
  readonly taken: Pushed[] = []
  /** What it has got, in order. */
  readonly received: Pushed[] = []
  /** Signatures that are not the chat's. */
  readonly forged: unknown[] = []
  /** The most requests that were open at one time. */
  openMax = 0
  answer: (pushed: Pushed) => Answer | Promise<Answer> = () => ({ status: 200 })
  #open = 0
  #server: Server | undefined

  private constructor(port: number) {
    this.port = port
    onTestFinished(() => this.stop())
  }

  static async open(): Promise<TestShop> {
    const shop = await TestShop.closed()
    await shop.start()
    return shop
  }

  /** One that is down. */
  static async closed(): Promise<TestShop> {
    return new TestShop(await freePort())
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/push`
  }

  /** The settings of a chat that tells it of messages at once. */
  get settings(): Record<string, string> {
    return {
      CHAT_WEBHOOK_URL: this.url,
      CHAT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      CHAT_WEBHOOK_DELAY_MS: '0',
    }
  }

  async start(): Promise<void> {
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  stop(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
    this.#server = undefined
  }

  /** The texts that it has taken for a receiver, in order, a repeat as often as it came. */
  textsFor(receiverId: number): string[] {
    return this.taken
      .filter(({ data }) => data.receiver_id === receiverId)
      .map(({ data }) => data.message)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#open += 1
    this.openMax = Math.max(this.openMax, this.#open)
    response.on('close', () => {
      this.#open -= 1
    })
    const pushed = await this.#verified(request)
    if (pushed === undefined) return void response.writeHead(401).end()
    this.received.push(pushed)
    const answer = await this.answer(pushed)
    if (answer === 'cut') request.socket.destroy()
    if (answer === 'cut' || answer === 'nothing') return
    if (answer.status < 300) this.taken.push(pushed)
    response.writeHead(answer.status, answer.headers).end('{}')
  }

  async #verified(request: IncomingMessage): Promise<Pushed | undefined> {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const headers = request.headers as Record<string, string>
    try {
      const envelope = new Webhook(WEBHOOK_SECRET).verify(body, headers) as Omit<Pushed, 'id'>
      return { id: headers['webhook-id'] as string, ...envelope }
    } catch (error) {
      this.forged.push(error)
      return undefined
    }
  }
}
