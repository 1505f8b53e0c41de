import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import {
  ChatClient,
  type ChatClientOptions,
  type ChatEvents,
  MemoryStorage,
} from '../../src/client/chat-client.ts'
import { DescribedSocket, describedFetch, expectFrameDescribed } from './described.ts'
import { waitFor } from './wait.ts'

/** Tests look into what they got as a client written in JavaScript does. */
// biome-ignore lint/suspicious/noExplicitAny: the assertions are the check
type Json = any

export interface Frame {
  event: string
  data: Json
  message?: string
}

/** How a client connects: with subprotocols, and what `ws` takes besides. */
export type SocketOptions = ClientOptions & {
  protocols?: string[]
  /** For frames that the test makes, or pushes as another program: they may say anything. */
  takesAnything?: boolean
}

/** A client's socket that keeps every frame it got, in order. */
export class TestSocket {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  closed: { code: number; reason: string } | undefined

  constructor(url: string, { protocols = [], takesAnything, ...options }: SocketOptions = {}) {
    const Socket = takesAnything ? WebSocket : DescribedSocket
    this.socket = new Socket(url, protocols, options)
    this.socket.on('message', (data) => this.frames.push(JSON.parse(String(data))))
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
    this.socket.on('error', () => {})
    onTestFinished(() => this.socket.terminate())
  }

  /** The data of all frames of one event, so far. */
  all(event: string): Json[] {
    return this.frames.filter((frame) => frame.event === event).map((frame) => frame.data)
  }

  /** The data of the `count`th frame of an event, once it is here. */
  async event(event: string, count = 1): Promise<Json> {
    const isHere = () => this.all(event).length >= count
    await waitFor(() => isHere() || this.closed !== undefined, `${event} number ${count}`)
    if (!isHere()) throw new Error(`closed before ${event}: ${JSON.stringify(this.closed)}`)
    return this.all(event)[count - 1]
  }

  async close(): Promise<{ code: number; reason: string }> {
    this.socket.close()
    return this.whenClosed()
  }

  async whenClosed(): Promise<{ code: number; reason: string }> {
    await waitFor(() => this.closed !== undefined, 'the socket to close')
    return this.closed as { code: number; reason: string }
  }

  send(frame: object | string): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  /**
   * Resolves when everything the daemon had for this socket has arrived: a ping is answered in turn.
   */
  async settled(): Promise<void> {
    const pongs = this.all('pong').length
    this.send({ event: 'ping' })
    await this.event('pong', pongs + 1)
  }
}

/** Connects as the document says and waits for chat:connected. */
export async function connect(
  daemonUrl: string,
  userId: number,
  parameters: Record<string, string> = {},
): Promise<TestSocket> {
  const query = new URLSearchParams({ user_id: String(userId), ...parameters })
  const socket = new TestSocket(`${daemonUrl}/?${query}`)
  await socket.event('chat:connected')
  return socket
}

export interface HttpAnswer {
  status: number
  headers: Headers
  body: Json
}

/** Calls an endpoint: an object goes as JSON, URLSearchParams and FormData as themselves. */
export async function post(
  url: string,
  body: object | URLSearchParams | FormData,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  const isForm = body instanceof URLSearchParams || body instanceof FormData
  const response = await describedFetch(url, {
    method: 'POST',
    body: isForm ? body : JSON.stringify(body),
    headers: isForm ? headers : { 'Content-Type': 'application/json', ...headers },
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  const response = await describedFetch(url, { headers })
  return { status: response.status, headers: response.headers, body: await response.json() }
}

/** Sends a text message; throws unless it was acknowledged. Returns the answer's `data`. */
export async function sendText(apiUrl: string, from: number, to: number, text: string) {
  const message = { sender_id: from, receiver_id: to, message: text }
  const { status, body } = await post(`${apiUrl}/send_chat_message.php`, message)
  if (status !== 200) throw new Error(`send answered ${status}: ${JSON.stringify(body)}`)
  return body.data
}

/** In a hurry, and never by chance. */
export const QUICK_BACKOFF = { baseMs: 20, maxMs: 100, random: () => 1 }

/** A client as a program under Node 20 makes it; it is disconnected when the test is over. */
export function createClient(
  userId: number,
  chat: { api: { url: string }; daemon: { url: string } },
  options: Partial<ChatClientOptions> = {},
): ChatClient {
  const client = new ChatClient({
    userId,
    apiUrl: chat.api.url,
    websocketUrl: chat.daemon.url,
    WebSocket: DescribedSocket,
    fetch: describedFetch,
    storage: new MemoryStorage(),
    backoff: QUICK_BACKOFF,
    ...options,
  })
  onTestFinished(() => client.disconnect())
  return client
}

/** Everything that a client tells from now on, by event. */
export function listen<Name extends keyof ChatEvents>(
  client: ChatClient,
  name: Name,
): ChatEvents[Name][] {
  const heard: ChatEvents[Name][] = []
  client.on(name, (payload) => heard.push(structuredClone(payload)))
  return heard
}

export async function online(client: ChatClient): Promise<ChatClient> {
  client.connect()
  await waitFor(() => client.state.status === 'online', 'the client to be online')
  return client
}

/** A daemon that is frozen takes the connection and says nothing. */
const HANDSHAKE_MS_MAX = 5_000

/**
 * A client as one would write it who has read about reconnecting: it keeps the id of the last message
 * that it was told, and says so when it comes back.
 */
export class Device {
  readonly userId: number
  /** The ids of all messages it was told, in the order in which they came. */
  readonly messageIds: number[] = []
  /** What each chat:connected said of `recovered`. */
  readonly recovered: (boolean | undefined)[] = []
  /** Of each connection that the other side closed, or the network. */
  readonly closeCodes: number[] = []
  lastMessageId = 0
  #socket: WebSocket | undefined

  constructor(userId: number) {
    this.userId = userId
  }

  get connectCount(): number {
    return this.recovered.length
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Resolves when chat:connected is here; rejects when the daemon is not. */
  async connect(daemonUrl: string): Promise<void> {
    this.disconnect()
    const options = { handshakeTimeout: HANDSHAKE_MS_MAX }
    const socket = new WebSocket(`${daemonUrl}/?${this.query()}`, options)
    this.#socket = socket
    socket.on('close', (code) => socket === this.#socket && this.closeCodes.push(code))
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      socket.on('message', (data) => {
        // What still comes over a socket that was given up belongs to nobody.
        if (socket !== this.#socket) return
        const frame = JSON.parse(String(data))
        this.told(frame)
        if (frame.event === 'chat:connected') resolve()
      })
    })
  }

  /** Resolves when it is not connected any more, whoever hung up. */
  async whenDisconnected(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return
    await new Promise((resolve) => socket.once('close', resolve))
  }

  /** As a phone that loses its network: without a word. */
  disconnect(): void {
    this.#socket?.terminate()
    this.#socket = undefined
  }

  /** Says that everything up to the last message is read. */
  read(): void {
    const data = { message_id: this.lastMessageId }
    this.#socket?.send(JSON.stringify({ event: 'chat:read', data }))
  }

  protected query(): string {
    return `user_id=${this.userId}&last_message_id=${this.lastMessageId}`
  }

  protected told({ event, data }: Frame): void {
    if (event === 'chat:connected') this.recovered.push(data.recovered)
    if (event !== 'chat:message') return
    this.messageIds.push(data.message_id)
    this.lastMessageId = data.message_id
  }
}

/** A device that does not outlive its test. */
export class TestDevice extends Device {
  constructor(userId: number) {
    super(userId)
    onTestFinished(() => this.disconnect())
  }

  protected override told(frame: Frame): void {
    expectFrameDescribed(frame)
    super.told(frame)
  }
}
