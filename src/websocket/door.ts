import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { Audit } from '../audit.ts'
import { clientAddress } from '../auth/address.ts'
import type { Authenticate } from '../auth/authenticate.ts'
import { TOKEN_PROTOCOL } from '../auth/bearer.ts'
import { isAllowedOrigin } from '../auth/origin.ts'
import { ChatError, systemCode } from '../errors.ts'
import { limits } from '../limits.ts'
import { Listener } from '../listener.ts'
import type { Log } from '../log.ts'
import type { RateLimit } from '../rate-limits.ts'
import type { Certificate } from '../tls.ts'
import { urlHost } from '../urls.ts'
import { CLOSE_TIMEOUT_MS, type Close, closeFor, closeSocket, FORBIDDEN } from './connection.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'
import { type Handshake, readHandshake } from './handshake.ts'
import type { InboundLimits } from './inbound-limits.ts'
import type { VerifyAgain } from './session-checks.ts'

/** The close codes that ws gives a frame beyond its limits, by the code of the error. */
const FRAME_REFUSALS = new Map([
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009],
  ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 1008],
])
/** A client that takes this long to ask for a socket is not a client. */
const HANDSHAKE_TIMEOUT_MS = 10_000

/** Of each socket; `closeTimeout` is missing in the types of ws. */
const SOCKET_OPTIONS: ServerOptions & { closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  maxPayload: limits.frameBytes.max,
  maxFragments: limits.frameFragments.max,
  maxBufferedChunks: limits.frameChunks.max,
  // One frame of each socket in a turn of the event loop: see InboundLimits.
  allowSynchronousEvents: false,
  // Compression would cost 300 KB a socket, for frames that are mostly shorter than a packet.
  perMessageDeflate: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
  handleProtocols: chooseProtocol,
}

/** Somebody who has come in. */
export interface Visitor extends Handshake {
  socket: WebSocket
  /** What lies below the socket. */
  stream: Duplex
  address: string
  /** When they have to prove again who they are, in ms since 1970. */
  expiresAt: number | undefined
  /** Asks whether what they proved still holds. */
  verifyAgain: VerifyAgain | undefined
}

export interface DoorParts {
  log: Log
  audit: Audit
  authenticate: Authenticate
  /** How many sockets an address may open. */
  connects: RateLimit
  inbound: InboundLimits
  /** Called with everybody who may come in; returns with what to refuse them after all. */
  onVisitor: (visitor: Visitor) => Close | undefined
  /** Called with requests for anything but a socket. */
  onPlainHttp: RequestListener
  metrics: DaemonMetrics
}

export interface DoorOptions {
  host: string
  /** 0 picks a free one. */
  port: number
  /** Origins that may connect; ['*'] for all. */
  allowedOrigins: string[]
  trustProxy: boolean
  /** Sockets in all. */
  connectionsMax: number
  /** Undefined for plain ws. */
  certificate: Certificate | undefined
}

/** Where sockets come in: decides who may, and says to the others why not. */
export class Door {
  readonly #parts: DoorParts
  readonly #options: DoorOptions
  readonly #listener: Listener
  readonly #sockets = new WebSocketServer(SOCKET_OPTIONS)

  constructor(parts: DoorParts, options: DoorOptions) {
    this.#parts = parts
    this.#options = options
    this.#listener = new Listener(
      {
        certificate: options.certificate,
        // Room for those who are told that all sockets are taken.
        connectionsMax: options.connectionsMax + limits.handshakes.max,
        perAddress: options.trustProxy ? undefined : limits.handshakes,
        requestTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      },
      {
        onRequest: parts.onPlainHttp,
        onUpgrade: (request, stream, head) => this.#listenerOnUpgrade(request, stream, head),
      },
    )
  }

  /** Resolves with the address, as a URL, once sockets come in; rejects with the system's error. */
  async open(): Promise<{ port: number; url: string }> {
    const { host, port, certificate } = this.#options
    const boundPort = await this.#listener.listen(port, host)
    const scheme = certificate === undefined ? 'ws' : 'wss'
    return { port: boundPort, url: `${scheme}://${urlHost(host)}:${boundPort}` }
  }

  /** Uses another certificate for the connections to come. */
  useCertificate(certificate: Certificate): void {
    this.#listener.useCertificate(certificate)
  }

  /** Lets nobody in any more. */
  close(): void {
    void this.#listener.close()
  }

  /** Cuts whoever still stands in the door. */
  closeAllConnections(): void {
    this.#listener.closeAllConnections()
  }

  async #listenerOnUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    stream.on('error', destroyStream)
    try {
      const address = clientAddress(request, this.#options.trustProxy)
      await this.#parts.connects.count(address)
      const admission = await this.#admit(request)
      this.#sockets.handleUpgrade(request, stream, head, (socket) => {
        // ws closes the socket after any error of either; 'close' follows.
        stream.off('error', destroyStream)
        socket.on('error', this.#socketOnError)
        // A browser sees why it is refused only if the socket opens first: so, accept, then close.
        const refusal =
          'code' in admission
            ? admission
            : this.#parts.onVisitor({ ...admission, socket, stream, address })
        if (refusal !== undefined) this.#turnAway({ socket, stream, address }, refusal)
      })
    } catch (error) {
      this.#refuseUpgrade(stream, error)
    } finally {
      this.#listener.release(stream)
    }
  }

  #turnAway(
    { socket, stream, address }: Pick<Visitor, 'socket' | 'stream' | 'address'>,
    close: Close,
  ): void {
    const { metrics, audit, inbound } = this.#parts
    metrics.closed(close)
    if (close.code === FORBIDDEN) audit.note('refused', address, close.reason)
    inbound.watchRefused(address, stream)
    closeSocket(socket, close)
  }

  /** One function for all sockets: one of each socket's own would keep alive what it came with. */
  readonly #socketOnError = (error: Error): void => {
    const refusal = FRAME_REFUSALS.get(systemCode(error))
    if (refusal !== undefined) this.#parts.metrics.refused(refusal)
  }

  /** Who it is that wants to connect, or the close to refuse them with. */
  async #admit(request: IncomingMessage): Promise<Admission | Close> {
    try {
      if (!isAllowedOrigin(request, this.#options.allowedOrigins)) {
        throw new ChatError('forbidden', 'Pages of this origin may not connect')
      }
      const caller = await this.#parts.authenticate(request)
      const { expiresAt, verifyAgain } = caller.identity ?? {}
      return { ...readHandshake(request, caller), expiresAt, verifyAgain }
    } catch (error) {
      if (!(error instanceof ChatError) || error.code === 'too_many') throw error
      return closeFor(error)
    }
  }

  /** Answers in HTTP, which costs less than a WebSocket: for floods, and for what should not be. */
  #refuseUpgrade(stream: Duplex, error: unknown): void {
    if (error instanceof ChatError && error.code === 'too_many') {
      this.#parts.metrics.refused(429)
      const retryAfter = `Retry-After: ${error.retryAfterSeconds ?? 1}`
      const head = `HTTP/1.1 429 Too Many Requests\r\n${retryAfter}\r\nConnection: close`
      stream.end(`${head}\r\nContent-Length: 0\r\n\r\n`, () => stream.destroy())
      return
    }
    this.#parts.log.error('A connection could not be accepted', error)
    stream.destroy()
  }
}

function destroyStream(this: Duplex): void {
  this.destroy()
}

type Admission = Handshake & Pick<Visitor, 'expiresAt' | 'verifyAgain'>

/**
 * The first subprotocol on offer that is not a token: those are never said back, as proxies log
 * answers. Browsers insist that one is chosen, so their clients offer another beside it.
 */
function chooseProtocol(offered: Set<string>): string | false {
  return [...offered].find((protocol) => !protocol.startsWith(TOKEN_PROTOCOL)) ?? false
}
