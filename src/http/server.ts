import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { posix } from 'node:path'
import { type Authenticate, Caller, isAllowedOrigin } from '../auth.ts'
import type { Chat } from '../chat/chat.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Certificate } from '../tls.ts'
import type { ApiMetrics } from './api-metrics.ts'
import { Availability } from './availability.ts'
import type { ClientConfig, Endpoint, Limits } from './endpoint.ts'
import { blockUnblockUser } from './endpoints/block_unblock_user.ts'
import { chatWebsocketBroadcast } from './endpoints/chat_websocket_broadcast.ts'
import { clientConfig } from './endpoints/client_config.ts'
import { getChatUserStatus } from './endpoints/get_chat_user_status.ts'
import { getConversationMessages } from './endpoints/get_conversation_messages.ts'
import { getConversations } from './endpoints/get_conversations.ts'
import { health } from './endpoints/health.ts'
import { markAsRead } from './endpoints/mark_as_read.ts'
import { metrics } from './endpoints/metrics.ts'
import { sendChatMessage } from './endpoints/send_chat_message.ts'
import { status } from './endpoints/status.ts'
import { readForm } from './request.ts'
import { sendAnswer, sendError, statusOf } from './response.ts'
import { mediaFolder, notFound, pagesFolder, sendFile } from './static.ts'
import type { Uploads } from './uploads.ts'

interface Route {
  methods: readonly string[]
  endpoint: Endpoint
  /** Whether it is not for users, and sees for itself who may call it. */
  isOpen?: boolean
}

const ROUTES = new Map<string, Route>([
  ['/send_chat_message.php', { methods: ['POST'], endpoint: sendChatMessage }],
  ['/get_conversations.php', { methods: ['GET', 'POST'], endpoint: getConversations }],
  [
    '/get_conversation_messages.php',
    { methods: ['GET', 'POST'], endpoint: getConversationMessages },
  ],
  ['/mark_as_read.php', { methods: ['POST'], endpoint: markAsRead }],
  ['/block_unblock_user.php', { methods: ['POST'], endpoint: blockUnblockUser }],
  ['/get_chat_user_status.php', { methods: ['GET', 'POST'], endpoint: getChatUserStatus }],
  [
    '/chat_websocket_broadcast.php',
    { methods: ['POST'], endpoint: chatWebsocketBroadcast, isOpen: true },
  ],
  ['/client_config.json', { methods: ['GET'], endpoint: clientConfig, isOpen: true }],
  ['/health', { methods: ['GET'], endpoint: health, isOpen: true }],
  ['/metrics', { methods: ['GET'], endpoint: metrics, isOpen: true }],
  ['/status.json', { methods: ['GET'], endpoint: status, isOpen: true }],
])

/** How long a browser may remember a preflight's answer: Chrome caps it at two hours. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200
const UPLOADS_PREFIX = '/uploads/'
/**
 * Pages are ours, and plainly named. By default uploads lie below them, where any other spelling
 * (//uploads/, /%75ploads/, /./uploads/) would find them, and show them as pages.
 */
const PAGE_PATH = /^(\/\w[\w.-]*)*\/?$/
/** The part of the uploads folder that CHAT_MEDIA_AUTH protects. Profile pictures are for everybody. */
const PRIVATE_MEDIA = 'chat/'

/** A client that takes this long to say what it wants is not a client. */
const HEADERS_TIMEOUT_MS = 10_000
/** A request in all: 20 MB over a poor mobile network. */
const REQUEST_TIMEOUT_MS = 5 * 60_000
/** A connection on which nothing at all moves. */
const IDLE_TIMEOUT_MS = 30_000
/** Between requests. Longer than nginx keeps its own side open, so that it is the one to close. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const TIMEOUT_CHECK_INTERVAL_MS = 1_000
/** How long a stopping server waits for a slow upload or download. */
const STOP_GRACE_MS = 5_000

export interface ApiParts {
  chat: Chat
  uploads: Uploads
  log: Log
  authenticate: Authenticate
  limits: Limits
  metrics: ApiMetrics
}

export interface ApiOptions extends ClientConfig {
  host: string
  /** 0 picks a free one. */
  port: number
  uploadsDir: string
  pagesDir: string
  /** Origins whose pages may use the API; ['*'] for all. */
  allowedOrigins: string[]
  broadcastSecret: string
  metricsSecret: string
  /** Whether media is only for the two people of its conversation. */
  mediaAuth: boolean
  /** Undefined for plain http. */
  certificate: Certificate | undefined
}

/** The HTTP door: routes a request to its endpoint, or to a file. */
export class ApiServer {
  readonly #parts: ApiParts
  readonly #options: ApiOptions
  readonly #server: HttpServer | HttpsServer
  readonly #media: ReturnType<typeof mediaFolder>
  readonly #pages: ReturnType<typeof pagesFolder>
  #chat: Chat | undefined
  readonly #availability: Availability
  #isStopping = false

  constructor(parts: ApiParts, options: ApiOptions) {
    this.#parts = parts
    this.#chat = parts.chat
    this.#options = options
    this.#availability = new Availability(parts.log)
    this.#media = mediaFolder(options.uploadsDir, options.mediaAuth)
    this.#pages = pagesFolder(options.pagesDir, options.uploadsDir)
    const serverOptions = {
      handshakeTimeout: HEADERS_TIMEOUT_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    }
    const onRequest = (request: IncomingMessage, response: ServerResponse) =>
      this.#serverOnRequest(request, response)
    this.#server =
      options.certificate === undefined
        ? createHttpServer(serverOptions, onRequest)
        : createHttpsServer({ ...serverOptions, ...options.certificate }, onRequest)
    this.#server.setTimeout(IDLE_TIMEOUT_MS)
  }

  /** Resolves with the port once requests are taken; rejects with the system's error (EADDRINUSE). */
  async start(): Promise<number> {
    this.#server.listen(this.#options.port, this.#options.host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Uses another certificate for the connections to come. */
  useCertificate(certificate: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(certificate)
  }

  /** Answers from another database from now on; undefined while there is none: 503. */
  useChat(chat: Chat | undefined): void {
    this.#chat = chat
  }

  /** Takes no more requests; resolves when those under way are answered, or cut off for taking long. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (!this.#server.listening) return
    this.#server.close()
    const timer = setTimeout(() => this.#server.closeAllConnections(), STOP_GRACE_MS)
    await once(this.#server, 'close')
    clearTimeout(timer)
  }

  async #serverOnRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#allowOrigin(request, response)
      if (this.#isStopping) response.setHeader('Connection', 'close')
      await this.#route(request, response)
    } catch (error) {
      this.#logError(request, error)
      this.#parts.metrics.refusals.inc({ reason: String(statusOf(error)) })
      await sendError(request, response, error)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request)
    const route = ROUTES.get(path)
    const methods = route?.methods ?? ['GET']
    const method = request.method === 'HEAD' ? 'GET' : request.method
    if (method === 'OPTIONS') return answerPreflight(request, response, methods)
    if (method === undefined || !methods.includes(method)) {
      if (route === undefined && !path.startsWith(UPLOADS_PREFIX)) throw notFound()
      response.setHeader('Allow', allowed(methods))
      throw new ChatError('method_not_allowed', `Use ${methods.join(' or ')} here`)
    }
    if (route !== undefined) return this.#answer(request, response, route)
    if (path.startsWith(UPLOADS_PREFIX)) {
      const mediaPath = path.slice(UPLOADS_PREFIX.length)
      await this.#requireMedia(request, mediaPath)
      return sendFile(request, response, this.#media, `/${mediaPath}`)
    }
    if (!PAGE_PATH.test(path)) throw notFound()
    return sendFile(request, response, this.#pages, path)
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { endpoint, isOpen }: Route,
  ): Promise<void> {
    const { authenticate, uploads, limits, metrics } = this.#parts
    const { allowedOrigins, broadcastSecret, metricsSecret } = this.#options
    if (!isAllowedOrigin(request, allowedOrigins)) {
      throw new ChatError('forbidden', 'Pages of this origin may not use the chat')
    }
    // Before the body is read: strangers are not to fill the disk.
    const caller = isOpen ? new Caller() : await authenticate(request)
    const form = await readForm(request, queryOf(request), uploads)
    const settings = { broadcastSecret, metricsSecret, clientConfig: this.#options }
    // Only now: while the body came in, the database may have been opened anew.
    const chat = this.#openChat()
    const { problem } = this.#availability
    const context = { form, caller, request, chat, uploads, limits, metrics, problem, ...settings }
    sendAnswer(response, await endpoint(context).finally(() => uploads.discard(form.upload)))
    this.#availability.succeeded(whatOf(request))
  }

  async #requireMedia(request: IncomingMessage, path: string): Promise<void> {
    if (!this.#options.mediaAuth) return
    const mediaPath = normalizedPath(path)
    if (!mediaPath.toLowerCase().startsWith(PRIVATE_MEDIA)) return
    const caller = await this.#parts.authenticate(request)
    caller.mustBeOneOf(await this.#openChat().messages.peopleOfMedia(mediaPath))
  }

  #openChat(): Chat {
    if (this.#chat !== undefined) return this.#chat
    const message = 'The database is being opened. Please try again in a moment.'
    throw new ChatError('unavailable', message, { retryAfterSeconds: 2 })
  }

  #allowOrigin(request: IncomingMessage, response: ServerResponse): void {
    const { allowedOrigins } = this.#options
    const { origin } = request.headers
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After')
    if (allowedOrigins.includes('*')) {
      response.setHeader('Access-Control-Allow-Origin', '*')
      return
    }
    response.setHeader('Vary', 'Origin')
    if (origin === undefined || !allowedOrigins.includes(origin)) return
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
  }

  /** Refusals are the caller's business; a bug, or something that is down, is the operator's. */
  #logError(request: IncomingMessage, error: unknown): void {
    if (!(error instanceof ChatError)) {
      this.#parts.log.error(`${whatOf(request)} failed`, error)
    } else if (error.code === 'unavailable') {
      this.#availability.failed(whatOf(request), error)
    }
  }
}

/** For the log. Without the query: that may carry a token. */
function whatOf(request: IncomingMessage): string {
  return `${request.method} ${pathOf(request)}`
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] as string
}

function queryOf(request: IncomingMessage): string {
  const url = request.url ?? ''
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

/** The one spelling of a path: what `send` would make of it too. */
function normalizedPath(path: string): string {
  try {
    return posix.normalize(decodeURIComponent(path)).replace(/^\/+/, '')
  } catch {
    throw notFound()
  }
}

function allowed(methods: readonly string[]): string {
  const head = methods.includes('GET') ? ['HEAD'] : []
  return [...methods, ...head, 'OPTIONS'].join(', ')
}

function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  methods: readonly string[],
): void {
  const headers = request.headers['access-control-request-headers']
  response.writeHead(204, {
    Allow: allowed(methods),
    'Access-Control-Allow-Methods': allowed(methods),
    'Access-Control-Allow-Headers': headers ?? 'Content-Type, Authorization',
    'Access-Control-Max-Age': PREFLIGHT_MAX_AGE_SECONDS,
  })
  response.end()
}
