import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

/** From where an answer begins; what it says ends with an empty line. */
const ANSWER = /HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/
/** What is kept of bytes in which no answer begins: one may, half of it. */
const TAIL = 'HTTP/1.1 '.length
const SWITCHED = 101
const CONNECT_MS_MAX = 5_000

export interface WireOptions {
  localAddress: string
  /** Called with the status line and the headers of each answer, as they came. */
  onAnswer?: (status: number, head: string) => void
}

/** A connection to a server, TLS or not, on which a client may do whatever it likes. */
export class Wire {
  readonly #socket: Socket
  readonly #onAnswer: NonNullable<WireOptions['onAnswer']>
  readonly #closed: Promise<void>
  /** Whoever waits for an answer. */
  #onProgress = () => {}
  #unread = ''
  #answerCount = 0
  #isSwitched = false

  private constructor(socket: Socket, { onAnswer = () => {} }: WireOptions) {
    this.#socket = socket
    this.#onAnswer = onAnswer
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#socketOnData(chunk))
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  /** Rejects when nobody is there. */
  static async open(url: string, options: WireOptions): Promise<Wire> {
    const { protocol, hostname, port } = new URL(url)
    const { localAddress } = options
    const isEncrypted = protocol === 'https:' || protocol === 'wss:'
    const address = { host: hostname, port: Number(port), localAddress }
    const socket = isEncrypted
      ? connectTls({ ...address, rejectUnauthorized: false })
      : connect(address)
    const wire = new Wire(socket, options)
    const signal = AbortSignal.timeout(CONNECT_MS_MAX)
    await once(socket, isEncrypted ? 'secureConnect' : 'connect', { signal }).catch((error) => {
      socket.destroy()
      throw error
    })
    return wire
  }

  get isOpen(): boolean {
    return this.#socket.writable
  }

  /** Whether any answer has begun. */
  get isAnswered(): boolean {
    return this.#answerCount > 0
  }

  write(bytes: string | Buffer): void {
    if (this.isOpen) this.#socket.write(bytes)
  }

  /** Resolves when the network has taken the bytes, or has ended, or a time is up. */
  async send(bytes: string | Buffer, milliseconds = 5_000): Promise<void> {
    if (!this.isOpen) return
    await within(milliseconds, [
      new Promise((resolve) => this.#socket.write(bytes, () => resolve(undefined))),
      this.#closed,
    ])
  }

  /** Resolves when one more answer has begun, or there will be none, or a time is up. */
  async ask(request: string | Buffer, milliseconds = 5_000): Promise<void> {
    const count = this.#answerCount
    this.write(request)
    const answered = new Promise<void>((resolve) => {
      this.#onProgress = () => {
        if (this.#answerCount > count) resolve()
      }
    })
    await within(milliseconds, [answered, this.#closed])
  }

  /** Reads nothing more of what comes. */
  stopReading(): void {
    this.#socket.pause()
  }

  /** Sends nothing more, and goes on listening. */
  halfClose(): void {
    this.#socket.end()
  }

  hangUp(): void {
    this.#socket.destroy()
  }

  /** Resolves when the other side has hung up, or a time is up. */
  async whenClosed(milliseconds: number): Promise<void> {
    await within(milliseconds, [this.#closed])
  }

  #socketOnData(chunk: Buffer): void {
    if (!this.#isSwitched) this.#read(chunk)
    this.#onProgress()
  }

  #read(chunk: Buffer): void {
    this.#unread += chunk.toString('latin1')
    for (;;) {
      const answer = ANSWER.exec(this.#unread)
      if (answer === null) break
      this.#unread = this.#unread.slice(answer.index + answer[0].length)
      this.#answerCount += 1
      this.#isSwitched = Number(answer[1]) === SWITCHED
      this.#onAnswer(Number(answer[1]), answer[0])
      if (this.#isSwitched) return
    }
    const start = this.#unread.lastIndexOf('HTTP/1.1 ')
    this.#unread = this.#unread.slice(start === -1 ? -TAIL : start)
  }
}

async function within(milliseconds: number, events: Promise<unknown>[]): Promise<void> {
  const isOver = new AbortController()
  const time = delay(milliseconds, undefined, { signal: isOver.signal }).catch(() => {})
  await Promise.race([time, ...events])
  isOver.abort()
}
