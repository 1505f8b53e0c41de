import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anyone } from '../auth.ts'
import type { Chat } from '../chat/chat.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Endpoint } from './endpoint.ts'
import { blockUnblockUser } from './endpoints/block_unblock_user.ts'
import { chatWebsocketBroadcast } from './endpoints/chat_websocket_broadcast.ts'
import { getChatUserStatus } from './endpoints/get_chat_user_status.ts'
import { getConversationMessages } from './endpoints/get_conversation_messages.ts'
import { getConversations } from './endpoints/get_conversations.ts'
import { health } from './endpoints/health.ts'
import { markAsRead } from './endpoints/mark_as_read.ts'
import { sendChatMessage } from './endpoints/send_chat_message.ts'
import { readForm } from './request.ts'
import { sendAnswer, sendError } from './response.ts'
import { mediaFolder, pagesFolder, sendFile } from './static.ts'
import type { Uploads } from './uploads.ts'

interface Route {
  methods: readonly string[]
  endpoint: Endpoint
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
  ['/chat_websocket_broadcast.php', { methods: ['POST'], endpoint: chatWebsocketBroadcast }],
  ['/health', { methods: ['GET'], endpoint: health }],
])

/** How long a browser may remember a preflight's answer: Chrome caps it at two hours. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200
const UPLOADS_PREFIX = '/uploads/'

export interface ApiOptions {
  host: string
  /** 0 picks a free one. */
  port: number
  uploadsDir: string
  pagesDir: string
  /** Origins that may read answers; ['*'] for all. */
  allowedOrigins: string[]
  broadcastSecret: string
}

/** The HTTP door: routes a request to its endpoint, or to a file. */
export class ApiServer {
  readonly #chat: Chat
  readonly #uploads: Uploads
  readonly #log: Log
  readonly #options: ApiOptions
  readonly #server: Server
  readonly #media: ReturnType<typeof mediaFolder>
  readonly #pages: ReturnType<typeof pagesFolder>
  #isStopping = false

  constructor(chat: Chat, uploads: Uploads, log: Log, options: ApiOptions) {
    this.#chat = chat
    this.#uploads = uploads
    this.#log = log
    this.#options = options
    this.#media = mediaFolder(options.uploadsDir)
    this.#pages = pagesFolder(options.pagesDir, options.uploadsDir)
    this.#server = createServer((request, response) => this.#serverOnRequest(request, response))
  }

  /** Resolves with the port once requests are taken; rejects with the system's error (EADDRINUSE). */
  async start(): Promise<number> {
    this.#server.listen(this.#options.port, this.#options.host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Takes no more requests; resolves when those under way are answered. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serverOnRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.#allowOrigin(request, response)
      if (this.#isStopping) response.setHeader('Connection', 'close')
      await this.#route(request, response)
    } catch (error) {
      if (!(error instanceof ChatError)) {
        this.#log.error(`${request.method} ${pathOf(request)} failed`, error)
      }
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
      response.setHeader('Allow', allowed(methods))
      throw new ChatError('method_not_allowed', `Use ${methods.join(' or ')} here`)
    }
    if (route !== undefined) return this.#answer(request, response, route.endpoint)
    if (!path.startsWith(UPLOADS_PREFIX)) return sendFile(request, response, this.#pages, path)
    return sendFile(request, response, this.#media, path.slice(UPLOADS_PREFIX.length - 1))
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
  ): Promise<void> {
    const uploads = this.#uploads
    const form = await readForm(request, queryOf(request), uploads)
    try {
      const { broadcastSecret } = this.#options
      const context = { form, caller: anyone, chat: this.#chat, uploads, request, broadcastSecret }
      sendAnswer(response, await endpoint(context))
    } finally {
      await uploads.discard(form.upload)
    }
  }

  #allowOrigin(request: IncomingMessage, response: ServerResponse): void {
    const { allowedOrigins } = this.#options
    const { origin } = request.headers
    if (allowedOrigins.includes('*')) {
      response.setHeader('Access-Control-Allow-Origin', '*')
      return
    }
    response.setHeader('Vary', 'Origin')
    if (origin === undefined || !allowedOrigins.includes(origin)) return
    response.setHeader('Access-Control-Allow-Origin', origin)
    response.setHeader('Access-Control-Allow-Credentials', 'true')
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] as string
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? ''
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
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
