import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import type { Headers } from './mode.ts'
import type { Waits } from './waits.ts'

const INTERVAL_MS = 50
const ANSWER_MS_MAX = 10_000
/** Of these there are plenty, once something is wrong. */
const FAILURES_MAX = 5

export interface HealthySenderOptions {
  apiUrl: string
  /** Not where the attackers are. */
  localAddress: string
  /** They take turns, so that none sends more than people do. */
  userIds: number[]
  receiverId: number
  headersOf: (userId: number) => Headers
  waits: Waits
  onAcknowledged: (messageId: number) => void
}

/** People who write a message every 50 ms, whether or not the last is answered, and count the time. */
export class HealthySender {
  readonly failures: string[] = []
  readonly #options: HealthySenderOptions
  readonly #agent: Agent
  readonly #isEncrypted: boolean
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #count = 0

  constructor(options: HealthySenderOptions) {
    this.#options = options
    this.#isEncrypted = options.apiUrl.startsWith('https:')
    this.#agent = new (this.#isEncrypted ? TlsAgent : Agent)({ keepAlive: true })
  }

  start(): void {
    this.#timer = setInterval(() => {
      const sending = this.#send().finally(() => this.#open.delete(sending))
      this.#open.add(sending)
    }, INTERVAL_MS)
  }

  get waits(): Waits {
    return this.#options.waits
  }

  /** Resolves when everything is answered, and the connections are closed. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    this.#agent.destroy()
  }

  async #send(): Promise<void> {
    const sentAt = performance.now()
    try {
      const { status, text } = await this.#post(this.#compose())
      if (status !== 200) this.#failed(`a healthy client was answered ${status} ${text}`)
      else this.#options.onAcknowledged(JSON.parse(text).data.message_id)
    } catch (error) {
      this.#failed(`a healthy client was not answered: ${error}`)
    } finally {
      this.#options.waits.add(sentAt)
    }
  }

  #compose(): { userId: number; body: string } {
    const { userIds, receiverId } = this.#options
    const userId = userIds[this.#count % userIds.length] as number
    this.#count += 1
    const message = `Message ${this.#count}`
    return { userId, body: JSON.stringify({ sender_id: userId, receiver_id: receiverId, message }) }
  }

  #post({ userId, body }: { userId: number; body: string }) {
    const { apiUrl, localAddress, headersOf } = this.#options
    const headers = {
      ...headersOf(userId),
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    }
    const options: RequestOptions & { rejectUnauthorized: boolean } = {
      method: 'POST',
      agent: this.#agent,
      localAddress,
      headers,
      rejectUnauthorized: false,
    }
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const ask = this.#isEncrypted ? requestTls : request
      const asked = ask(`${apiUrl}/send_chat_message.php`, options, (response) => {
        readText(response).then(
          (text) => resolve({ status: response.statusCode ?? 0, text }),
          reject,
        )
      })
      asked.setTimeout(ANSWER_MS_MAX, () => asked.destroy(new Error('it took too long')))
      asked.on('error', reject)
      asked.end(body)
    })
  }

  #failed(failure: string): void {
    if (this.failures.length < FAILURES_MAX) this.failures.push(failure)
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
