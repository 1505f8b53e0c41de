import { Backoff, type BackoffOptions } from './backoff.ts'
import { Emitter } from './emitter.ts'
import { reasonOf } from './reason.ts'
import type { Frame, Hello } from './wire.ts'

/**
 * `idle`        not connected, before `connect` or after `disconnect`.
 * `connecting`  a socket is being opened, or is open and has not received chat:connected yet.
 * `online`      chat:connected was received: frames flow both ways.
 * `waiting`     the socket is closed; the next try comes when the timer of the backoff ends.
 * `stopped`     the server rejected the client, and would again: the application has to act.
 *
 *     idle ──connect──► connecting ──chat:connected──► online
 *                        ▲   │  ▲                        │
 *     timer ends or wake │   │  └──── connect ─────┐     │ closed, or silent
 *                        │   │ closed              │     ▼
 *                      waiting ◄───────────────────┼─────┤
 *                            │ 4400, 4403,         │     │ 4400, 4403,
 *                            │ 4401 twice          │     │ 4401 twice
 *                            ▼                     │     ▼
 *                         stopped ─────────────────┴── stopped
 *
 * `disconnect` leads from everywhere to `idle`.
 */
export type ConnectionStatus = 'idle' | 'connecting' | 'online' | 'waiting' | 'stopped'

export interface ConnectionState {
  status: ConnectionStatus
  /** `waiting`: when the next try comes, in ms since 1970. */
  retryAt?: number
  /** `waiting` and `stopped`: the close code and reason of the last socket. */
  code?: number
  reason?: string
}

/** As much of a WebSocket as is used: that of browsers, of Node 22, and of the package `ws`. */
export interface Socket {
  readonly readyState: number
  onmessage: Listener
  onclose: Listener
  onerror: Listener
  send(text: string): void
  close(code?: number): void
}

// biome-ignore lint/suspicious/noExplicitAny: each of them has an event type of its own
type Listener = ((event: any) => void) | null

export type SocketConstructor = new (url: string, protocols?: string[]) => Socket

export interface ConnectionOptions {
  socketConstructor: SocketConstructor
  /** Called for each socket: where, and as whom. Rejecting counts as a failed try. */
  address: () => Promise<{ url: string; protocols: string[] }>
  backoff: Partial<BackoffOptions>
  /** A socket that has been silent for this long is pinged, in ms. */
  pingAfterMs: number
  /** One that then stays silent for this long is closed, in ms; so is one that does not open. */
  silenceMs: number
}

interface ConnectionEvents {
  state: ConnectionState
  /** Every frame from the server, chat:connected first. */
  frame: Frame
}

/** The token is renewed once; a second rejection is final. */
const NOT_AUTHENTICATED = 4401
const REFUSED = [4400, 4403]
/** The user has too many sockets: another one has to close first, so the backoff is long. */
const TOO_MANY_CONNECTIONS = 4409
/** A connection that was open for this long resets the backoff. */
const STABLE_MS = 5_000
const OPEN = 1

/** One user's socket: reconnects with backoff until `disconnect`. */
export class Connection extends Emitter<ConnectionEvents> {
  readonly #options: ConnectionOptions
  readonly #backoff: Backoff
  #state: ConnectionState = { status: 'idle' }
  #socket: Socket | undefined
  /** Counts tries, so that events of an abandoned one are ignored. */
  #attempt = 0
  #wasRefusedToken = false
  #onlineSince = 0
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #silenceTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ConnectionOptions) {
    super()
    this.#options = options
    this.#backoff = new Backoff(options.backoff)
  }

  get state(): ConnectionState {
    return this.#state
  }

  get isOnline(): boolean {
    return this.#state.status === 'online'
  }

  /** Connects, and stays connected, until `disconnect`. */
  connect(): void {
    const { status } = this.#state
    if (status === 'online' || status === 'connecting') return
    // The application tries again, perhaps with another token.
    if (status !== 'waiting') this.#wasRefusedToken = false
    clearTimeout(this.#retryTimer)
    this.#open()
  }

  disconnect(): void {
    this.#abandon()
    this.#change({ status: 'idle' })
  }

  /**
   * Call when the network or the page comes back: connects at once instead of after the backoff,
   * and pings a socket that seems open.
   */
  wake(): void {
    if (this.#state.status === 'waiting') this.connect()
    else if (this.isOnline) this.#ping()
  }

  /** Sends a frame; returns false while not connected. */
  send(frame: Frame): boolean {
    if (!this.isOnline || this.#socket?.readyState !== OPEN) return false
    this.#socket.send(JSON.stringify(frame))
    return true
  }

  async #open(): Promise<void> {
    this.#attempt += 1
    const attempt = this.#attempt
    this.#change({ status: 'connecting' })
    try {
      const { url, protocols } = await this.#options.address()
      if (attempt !== this.#attempt) return
      this.#listen(new this.#options.socketConstructor(url, protocols), attempt)
    } catch (error) {
      if (attempt !== this.#attempt) return
      this.#lost(0, reasonOf(error))
    }
  }

  #listen(socket: Socket, attempt: number): void {
    this.#socket = socket
    const isCurrent = () => attempt === this.#attempt
    socket.onmessage = ({ data }) => isCurrent() && this.#socketOnMessage(String(data))
    socket.onclose = ({ code, reason }) => isCurrent() && this.#socketOnClose(code, reason)
    // The close that follows says more; without a listener, `ws` would throw the error.
    socket.onerror = () => {}
    this.#giveUpAfterSilence()
  }

  #socketOnMessage(text: string): void {
    this.#watchForSilence()
    const frame = parseFrame(text)
    if (frame === undefined || frame.event === 'pong') return
    if (frame.event === 'chat:connected') this.#greeted()
    this.emit('frame', frame)
  }

  #greeted(): void {
    this.#onlineSince = Date.now()
    this.#wasRefusedToken = false
    this.#change({ status: 'online' })
  }

  #socketOnClose(code: number, reason: string): void {
    const isStranger = code === NOT_AUTHENTICATED
    if (REFUSED.includes(code) || (isStranger && this.#wasRefusedToken)) {
      this.#stop(code, reason)
    } else {
      this.#wasRefusedToken = isStranger
      this.#lost(code, reason)
    }
  }

  #stop(code: number, reason: string): void {
    this.#abandon()
    this.#change({ status: 'stopped', code, reason })
  }

  #lost(code: number, reason: string): void {
    const wasStable = this.isOnline && Date.now() - this.#onlineSince >= STABLE_MS
    this.#abandon()
    if (wasStable) this.#backoff.reset()
    const longest = this.#options.backoff.maxMs ?? 30_000
    const delayMs = code === TOO_MANY_CONNECTIONS ? longest : this.#backoff.next()
    this.#retryTimer = setTimeout(() => this.connect(), delayMs)
    this.#change({ status: 'waiting', retryAt: Date.now() + delayMs, code, reason })
  }

  /** Releases the socket, if there is one, and ignores its further events. */
  #abandon(): void {
    this.#attempt += 1
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#silenceTimer)
    this.#socket?.close()
    this.#socket = undefined
  }

  /**
   * The heartbeat of the client. A phone that changes networks receives no close: its socket stays
   * open and silent. JavaScript does not see the server's pings, so the client sends its own.
   */
  #watchForSilence(): void {
    clearTimeout(this.#silenceTimer)
    this.#silenceTimer = setTimeout(() => this.#ping(), this.#options.pingAfterMs)
  }

  #ping(): void {
    this.send({ event: 'ping' })
    this.#giveUpAfterSilence()
  }

  #giveUpAfterSilence(): void {
    clearTimeout(this.#silenceTimer)
    const giveUp = () => this.#lost(1006, 'The server does not answer')
    this.#silenceTimer = setTimeout(giveUp, this.#options.silenceMs)
  }

  #change(state: ConnectionState): void {
    this.#state = state
    this.emit('state', state)
  }
}

function parseFrame(text: string): Frame | undefined {
  try {
    const frame: Frame = JSON.parse(text)
    return typeof frame?.event === 'string' ? frame : undefined
  } catch {
    return undefined
  }
}

/** Whether a frame is chat:connected, the first one of the server. */
export function isHello(frame: Frame): frame is { event: string; data: Hello } {
  return frame.event === 'chat:connected'
}
