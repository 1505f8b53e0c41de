import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ChatError, systemCode } from './errors.ts'
import type { FixedLimit } from './limits/limit.ts'
import { limits } from './limits/limits.ts'
import { Quota } from './limits/quota.ts'
import type { Certificate } from './tls.ts'

/** A client sends the head of its request within this time, or its connection is cut. */
const HEADERS_TIMEOUT_MS = 10_000
const TIMEOUT_CHECK_INTERVAL_MS = 1_000

export interface ListenerOptions {
  /** Undefined for plain http. */
  certificate: Certificate | undefined
  /** Connections in all. */
  connectionsMax: number
  /**
   * Connections per address that are no sockets; undefined behind a proxy, which is one address.
   */
  perAddress: FixedLimit | undefined
  /** The time for a whole request, in ms. */
  requestTimeoutMs: number
}

interface ListenerHandlers {
  onRequest: (request: IncomingMessage, response: ServerResponse) => void
  /** Without it an upgrade is a request like any other. */
  onUpgrade?: (request: IncomingMessage, stream: Duplex, head: Buffer) => void
}

/**
 * A port that accepts connections, within the limits that apply before authentication. Each
 * connection has one request at a time. A pipelined request cuts it: without that backpressure Node
 * would hold every answer, with its open files, until the peer reads the first.
 */
export class Listener {
  readonly #server: HttpServer | HttpsServer
  readonly #handlers: ListenerHandlers
  readonly #connections: Quota | undefined
  /** The far ends of the counted connections: TLS makes a second object for a connection. */
  readonly #counted = new Set<string>()
  /** One function for all connections: a closure for each would keep its scope in memory. */
  readonly #socketOnClose: (this: Socket) => void
  /** The answer to the newest request of each connection. */
  readonly #answers = new WeakMap<Duplex, ServerResponse>()

  constructor(options: ListenerOptions, handlers: ListenerHandlers) {
    const { certificate, connectionsMax, perAddress } = options
    this.#handlers = handlers
    this.#connections = perAddress && new Quota(perAddress)
    const release = (socket: Socket) => this.release(socket)
    this.#socketOnClose = function () {
      release(this)
    }
    this.#server = createServer(certificate, {
      handshakeTimeout: HEADERS_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    } as ServerOptions)
    this.#server.maxConnections = connectionsMax
    this.#server.maxRequestsPerSocket = limits.requestsPerConnection.max
    this.#server.on('connection', (socket) => this.#serverOnConnection(socket))
    // Idle connections give way to new ones.
    this.#server.on('drop', () => this.#server.closeIdleConnections())
    const onRequest = this.#serverOnRequest.bind(this)
    this.#server.on('request', onRequest)
    // "Expect: 100-continue": the handler asks for the body after authentication.
    this.#server.on('checkContinue', onRequest)
    if (handlers.onUpgrade !== undefined) {
      this.#server.on('upgrade', this.#serverOnUpgrade.bind(this))
    }
  }

  /**
   * @param idleMs without any bytes in either direction
   * @param keepAliveMs between two requests
   */
  closeIdleAfter(idleMs: number, keepAliveMs: number): void {
    this.#server.setTimeout(idleMs)
    this.#server.keepAliveTimeout = keepAliveMs
  }

  /**
   * Resolves with the port once it accepts connections.
   *
   * @param port 0 picks a free one
   * @param variable of the setting that names the port
   * @throws ChatError `setup` when the port cannot be bound
   */
  async listen(port: number, host: string, variable: string): Promise<number> {
    this.#server.listen(port, host)
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw listenError(error, host, port, variable)
    }
    return (this.#server.address() as AddressInfo).port
  }

  /** Uses another certificate for new connections. */
  useCertificate(certificate: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(certificate)
  }

  /** Graceful shutdown: accepts no more connections; resolves when all have closed. Idempotent. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Cuts every connection that is not a socket. */
  closeAllConnections(): void {
    this.#server.closeAllConnections()
  }

  /** Call when a connection was upgraded or rejected: it does not count here any more. */
  release(stream: Duplex): void {
    const { address, farEnd } = endOf(stream as Socket)
    if (this.#counted.delete(farEnd)) this.#connections?.release(address)
  }

  /** Counts a connection as soon as the system accepts it, before TLS. */
  #serverOnConnection(socket: Socket): void {
    if (this.#connections === undefined) return
    const { address, farEnd } = endOf(socket)
    try {
      this.#connections.take(address)
    } catch {
      socket.destroy()
      return
    }
    this.#counted.add(farEnd)
    socket.on('close', this.#socketOnClose)
  }

  #serverOnRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (this.#isBusy(socket)) return void socket.destroy()
    this.#answers.set(socket, response)
    this.#handlers.onRequest(request, response)
  }

  #serverOnUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (this.#isBusy(stream)) return void stream.destroy()
    this.#handlers.onUpgrade?.(request, stream, head)
  }

  /**
   * Whether a request of this connection is not answered yet. Not whether the answer is flushed:
   * over TLS a client may receive it, and send the next request, before this process is notified.
   */
  #isBusy(connection: Duplex): boolean {
    return this.#answers.get(connection)?.writableEnded === false
  }
}

/** The error for the operator of a server that cannot bind its port. */
export function listenError(error: unknown, host: string, port: number, variable: string): Error {
  const flag = `or choose another: ${variable}`
  const setup = (message: string) => new ChatError('setup', message)
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return setup(
        `Port ${port} on ${host} is already in use by another program. ` +
          `See which: sudo ss -ltnp "sport = :${port}"; ${flag}.`,
      )
    case 'EACCES':
      return setup(`Port ${port} needs more rights than this user has; ${flag}.`)
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EAI_AGAIN':
    case 'EINVAL':
    case 'ENOTFOUND':
      return setup(`${host} is no address of this machine. Change CHAT_HOST.`)
    default:
      return error as Error
  }
}

function endOf({ remoteAddress = '', remotePort = 0 }: Socket): {
  address: string
  farEnd: string
} {
  return { address: remoteAddress, farEnd: `${remoteAddress} ${remotePort}` }
}

function createServer(
  certificate: Certificate | undefined,
  options: ServerOptions,
): HttpServer | HttpsServer {
  if (certificate === undefined) return createHttpServer(options)
  return createHttpsServer({ ...options, ...certificate })
}
