import type { IncomingMessage, RequestListener } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { clientAddress } from '../auth/address.ts'
import type { Audit } from '../auth/audit.ts'
import type { Authenticate } from '../auth/authenticate.ts'
import { TOKEN_PROTOCOL } from '../auth/bearer.ts'
import { isAllowedOrigin } from '../auth/origin.ts'
import type { Config } from '../config/config.ts'
import { ChatError, hasCode, systemCode } from '../errors.ts'
import { limits } from '../limits/limits.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import { Listener } from '../listener.ts'
import type { Log } from '../log.ts'
import type { Certificate } from '../tls.ts'
import { urlHost } from '../urls.ts'
import { type Close, closeFor, closeSocket, FORBIDDEN } from './close-codes.ts'
import { CLOSE_TIMEOUT_MS } from './connection.ts'
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
/** A client sends its handshake within this time, or its connection is cut. */
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
  // Compression would cost 300 KB per socket, for frames that are mostly shorter than a packet.
  perMessageDeflate: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
  handleProtocols: chooseProtocol,
}

/** A socket that was accepted, and its user. */
export interface Accepted extends Handshake {
  socket: WebSocket
  /** The stream below the socket. */
  stream: Duplex
  address: string
  /** When the user's token expires, in ms since 1970. */
  expiresAt: number | undefined
  /** Verifies the user's credentials again. */
  verifyAgain: VerifyAgain | undefined
}

type Peer = Pick<Accepted, 'socket' | 'stream' | 'address'>

interface UpgradeParts {
  log: Log
  audit: Audit
  authenticate: Authenticate
  inbound: InboundLimits
  metrics: DaemonMetrics
  /** Undefined for plain ws. */
  certificate: Certificate | undefined
  /** Called with each accepted socket; returns the close code to reject it with. */
  onAccepted: (accepted: Accepted) => Close | undefined
  /** Called with requests for anything but a socket. */
  onRequest: RequestListener
}

type UpgradeOptions = Pick<
  Config,
  'host' | 'wsPort' | 'allowedOrigins' | 'trustProxy' | 'connectionsMax' | 'connectRateLimit'
>

/** Accepts each HTTP upgrade as a socket, or rejects it with a close code that says why. */
export class UpgradeServer {
  readonly #parts: UpgradeParts
  readonly #options: UpgradeOptions
  readonly #listener: Listener
  readonly #connects: RateLimit
  readonly #sockets = new WebSocketServer(SOCKET_OPTIONS)

  constructor(parts: UpgradeParts, options: UpgradeOptions) {
    this.#parts = parts
    this.#options = options
    this.#connects = new RateLimit(limits.connects, options.connectRateLimit)
    this.#listener = new Listener(
      {
        certificate: parts.certificate,
        // Room for the handshakes of clients that are rejected because all sockets are taken.
        connectionsMax: options.connectionsMax + limits.handshakes.max,
        perAddress: options.trustProxy ? undefined : limits.handshakes,
        requestTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      },
      {
        onRequest: parts.onRequest,
        onUpgrade: (request, stream, head) => this.#listenerOnUpgrade(request, stream, head),
      },
    )
  }

  /** Resolves with the address, as a URL, once it listens. @throws as Listener.listen */
  async open(): Promise<{ port: number; url: string }> {
    const { host, wsPort } = this.#options
    const port = await this.#listener.listen(wsPort, host, 'CHAT_WS_PORT')
    const scheme = this.#parts.certificate === undefined ? 'ws' : 'wss'
    return { port, url: `${scheme}://${urlHost(host)}:${port}` }
  }

  /** Uses another certificate for new connections. */
  useCertificate(certificate: Certificate): void {
    this.#listener.useCertificate(certificate)
  }

  /** Accepts no more connections. */
  close(): void {
    void this.#listener.close()
  }

  /** Cuts the connections that are not sockets yet. */
  closeAllConnections(): void {
    this.#listener.closeAllConnections()
  }

  async #listenerOnUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    stream.on('error', destroyStream)
    try {
      const address = clientAddress(request, this.#options.trustProxy)
      await this.#connects.count(address)
      const identified = await this.#identify(request)
      // The answer leaves with the first frame of the socket, or its close: in one write.
      stream.cork()
      this.#sockets.handleUpgrade(request, stream, head, (socket) => {
        // ws closes the socket after any error of either; 'close' follows.
        stream.off('error', destroyStream)
        socket.on('error', this.#socketOnError)
        // A browser sees a close code only after the socket opens: so upgrade, then reject.
        const peer = { socket, stream, address }
        const rejection =
          'code' in identified ? identified : this.#parts.onAccepted({ ...identified, ...peer })
        if (rejection !== undefined) this.#reject(peer, rejection)
      })
    } catch (error) {
      this.#answerInHttp(stream, error)
    } finally {
      this.#listener.release(stream)
    }
  }

  #reject({ socket, stream, address }: Peer, close: Close): void {
    const { metrics, audit, inbound } = this.#parts
    metrics.closed(close)
    if (close.code === FORBIDDEN) audit.note('refused', address, close.reason)
    inbound.attachRejected(address, stream)
    closeSocket(socket, close)
    stream.uncork()
  }

  /** One function for all sockets: a closure per socket would keep its request in memory. */
  readonly #socketOnError = (error: Error): void => {
    const code = FRAME_REFUSALS.get(systemCode(error))
    if (code !== undefined) this.#parts.metrics.refused(code)
  }

  /** Returns the user of the socket, or the close code to reject it with. */
  async #identify(request: IncomingMessage): Promise<Omit<Accepted, keyof Peer> | Close> {
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

  /** Rejects before the upgrade, which costs less than a WebSocket: for floods, and for bugs. */
  #answerInHttp(stream: Duplex, error: unknown): void {
    if (hasCode(error, 'too_many')) {
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

/**
 * The first subprotocol on offer that is not a token: the answer never repeats a token, as proxies
 * log answers. Browsers require that one is chosen, so their clients offer another beside it.
 */
function chooseProtocol(offered: Set<string>): string | false {
  return [...offered].find((protocol) => !protocol.startsWith(TOKEN_PROTOCOL)) ?? false
}
