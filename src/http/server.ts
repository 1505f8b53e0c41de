import type { IncomingMessage, ServerResponse } from 'node:http'
import { clientAddress } from '../auth/address.ts'
import type { Audit } from '../auth/audit.ts'
import { Caller } from '../auth/caller.ts'
import { type Refusals, requireOperator } from '../auth/operator.ts'
import { isAllowedOrigin } from '../auth/origin.ts'
import type { Config } from '../config/config.ts'
import { ChatError } from '../errors.ts'
import type { LimitStore } from '../limits/limit-store.ts'
import { limits } from '../limits/limits.ts'
import { Quota, Share } from '../limits/quota.ts'
import { RateLimit } from '../limits/rate-limit.ts'
import { Listener } from '../listener.ts'
import type { Log } from '../log.ts'
import { UploadLimits } from '../media/upload-limits.ts'
import type { Uploads } from '../media/uploads.ts'
import { type Certificate, setTransportSecurity } from '../tls.ts'
import { pathOf, queryOf } from '../urls.ts'
import type { ApiMetrics } from './api-metrics.ts'
import { Availability, whatOf } from './availability.ts'
import { readForm } from './body.ts'
import type { BodyRules } from './body-bytes.ts'
import { answerPreflight, originHeaders } from './cors.ts'
import type { Endpoint, EndpointContext, Limits } from './endpoint.ts'
import { Files, type FilesOptions, type FilesParts, isMediaPath } from './files.ts'
import type { Form } from './form.ts'
import {
  type Answer,
  encode,
  type HeaderList,
  sendAnswer,
  sendError,
  setHeaders,
  statusOf,
  type TextAnswer,
} from './response.ts'
import { endpointAt, methodsOf, requireMethod } from './routes.ts'
import { notFound } from './static.ts'

/** A request in all: 20 MB over a poor mobile network. */
const REQUEST_TIMEOUT_MS = 5 * 60_000
/** A connection on which nothing at all moves. */
const IDLE_TIMEOUT_MS = 30_000
/** Between requests. Longer than nginx keeps its own side open, so that it is the one to close. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
/** The longest that JSON and percent-encoding make of a character: an emoji as \ud83d\ude00. */
const ENCODED_CHARACTER_BYTES = 12
/**
 * Room for what belongs to a message beside its text: ids, names of parameters, a caption's form.
 */
const FORM_OVERHEAD_BYTES = 8 * 1024
/** A graceful shutdown waits so long for a slow upload or download. */
const STOP_GRACE_MS = 5_000

interface ApiParts extends FilesParts {
  uploads: Uploads
  log: Log
  refusals: Refusals
  metrics: ApiMetrics
  audit: Audit
  /** Where all APIs count what users do; undefined where this is the only one. */
  limitStore: LimitStore | undefined
  /** Undefined for plain http. */
  certificate: Certificate | undefined
}

export type ApiOptions = FilesOptions &
  Pick<
    Config,
    | 'host'
    | 'apiPort'
    | 'allowedOrigins'
    | 'trustProxy'
    | 'broadcastSecret'
    | 'metricsSecret'
    | 'rateLimit'
    | 'requestRateLimit'
    | 'uploadRateLimit'
    | 'uploadBytesPerDay'
  >

/** Who makes a request, and what it holds until it is answered. */
interface Held {
  caller: Caller
  address: string
  memory: Share
  shares: Share[]
}

/** The HTTP API: dispatches a request to its endpoint or file, after authentication. */
export class ApiServer {
  readonly #parts: ApiParts
  readonly #options: ApiOptions
  readonly #listener: Listener
  readonly #files: Files
  readonly #memoryOfAddress = new Quota(limits.bytesUnderWayPerAddress)
  readonly #memory = new Quota(limits.bytesUnderWay)
  readonly #errorLines = new RateLimit(limits.errorLines)
  readonly #availability: Availability
  readonly #limits: Limits
  #isStopping = false

  constructor(parts: ApiParts, options: ApiOptions) {
    this.#parts = parts
    this.#options = options
    this.#availability = new Availability(parts.log)
    this.#limits = createLimits(options, parts.limitStore)
    this.#files = new Files(parts, options)
    this.#listener = new Listener(
      {
        certificate: parts.certificate,
        connectionsMax: limits.httpConnections.max,
        perAddress: options.trustProxy ? undefined : limits.httpConnectionsPerAddress,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
      },
      { onRequest: (request, response) => this.#listenerOnRequest(request, response) },
    )
    this.#listener.closeIdleAfter(IDLE_TIMEOUT_MS, KEEP_ALIVE_TIMEOUT_MS)
  }

  /** Resolves with the port once it accepts requests. @throws as Listener.listen */
  start(): Promise<number> {
    const { apiPort, host } = this.#options
    return this.#listener.listen(apiPort, host, 'CHAT_API_PORT')
  }

  /** Uses another certificate for new connections. */
  useCertificate(certificate: Certificate): void {
    this.#listener.useCertificate(certificate)
  }

  /** Graceful shutdown: resolves when requests are answered, or cut after STOP_GRACE_MS. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const timer = setTimeout(() => this.#listener.closeAllConnections(), STOP_GRACE_MS)
    await this.#listener.close()
    clearTimeout(timer)
  }

  async #listenerOnRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const headers = originHeaders(request, this.#options.allowedOrigins)
    try {
      setTransportSecurity(response)
      if (this.#isStopping) response.setHeader('Connection', 'close')
      await this.#route(request, response, headers)
    } catch (error) {
      await this.#logError(request, error)
      this.#parts.metrics.refusals.inc({ reason: String(statusOf(error)) })
      await sendError(request, response, error, headers)
    }
  }

  #route(
    request: IncomingMessage,
    response: ServerResponse,
    headers: HeaderList,
  ): Promise<void> | void {
    const path = pathOf(request)
    const endpoint = endpointAt(path)
    const methods = methodsOf(endpoint)
    if (request.method === 'OPTIONS') return answerPreflight(request, response, methods, headers)
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    const mayBeFile = isReading || isMediaPath(path)
    if (endpoint === undefined && !mayBeFile) throw notFound()
    requireMethod(request, response, methods)
    if (endpoint !== undefined) return this.#answer(request, response, endpoint, headers)
    setHeaders(response, headers)
    return this.#files.answer(request, response, path)
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
    headers: HeaderList,
  ): Promise<void> {
    const caller = await this.#authorize(request, endpoint)
    const { chat, uploads, audit, metrics } = this.#parts
    const { metricsSecret } = this.#options
    const address = this.#addressOf(request)
    const memory = new Share([this.#memoryOfAddress, address], [this.#memory, ''])
    // A client at its limit of memory is rejected before any work.
    memory.take()
    const shares = [memory]
    try {
      const rules = this.#bodyRules(request, endpoint, { caller, address, memory, shares })
      const form = await readForm(request, response, queryOf(request), rules)
      const problem = () => chat.problem() ?? this.#availability.problem
      // Name by name: to spread whole objects would cost a tenth of a send.
      const context = {
        form,
        caller,
        request,
        address,
        chat,
        uploads,
        audit,
        metrics,
        problem,
        limits: this.#limits,
        metricsSecret,
        clientConfig: this.#options,
      }
      const answer = await handle(endpoint, context)
      await sendAnswer(response, encode(answer, memory), headers)
      this.#availability.succeeded(request)
    } finally {
      for (const share of shares) share.release()
    }
  }

  /** Authenticates the caller, as far as the endpoint requires, before the body is read. */
  async #authorize(request: IncomingMessage, { access }: Endpoint): Promise<Caller> {
    const { allowedOrigins, broadcastSecret, metricsSecret } = this.#options
    if (!isAllowedOrigin(request, allowedOrigins)) {
      throw new ChatError('forbidden', 'Pages of this origin may not use the chat')
    }
    const { authenticate, refusals } = this.#parts
    if (access === 'user') return await authenticate(request)
    if (access === 'broadcaster') {
      await requireOperator(request, 'broadcast', broadcastSecret, refusals)
    }
    if (access === 'operator') await requireOperator(request, 'metrics', metricsSecret, refusals)
    return new Caller()
  }

  /** Undefined for a request that has no body, or whose body means nothing. */
  #bodyRules(
    { method }: IncomingMessage,
    endpoint: Endpoint,
    { caller, address, memory, shares }: Held,
  ): BodyRules | undefined {
    if (method !== 'POST') return undefined
    const { uploads } = this.#parts
    const textBytesMax = endpoint.textBytesMax ?? textBytesMaxFor(this.#options.messageLengthMax)
    const beginFile = async (form: Form) => {
      const userId = caller.identity?.userId ?? form.optionalId('sender_id', 'from_user_id')
      shares.push(await this.#limits.uploads.begin(userId, address))
    }
    return { textBytesMax, memory, uploads, beginFile: endpoint.takesFile ? beginFile : undefined }
  }

  #addressOf(request: IncomingMessage): string {
    return clientAddress(request, this.#options.trustProxy)
  }

  /** Refusals are the caller's business; a bug, or something that is down, is the operator's. */
  async #logError(request: IncomingMessage, error: unknown): Promise<void> {
    if (!(error instanceof ChatError)) {
      // A bug that one request shows a million do as well.
      if (await this.#errorLines.tryCount(''))
        this.#parts.log.error(`${whatOf(request)} failed`, error)
    } else if (['unavailable', 'uncertain'].includes(error.code)) {
      this.#availability.failed(request, error)
    } else if (AUDITED.includes(error.code)) {
      const { audit } = this.#parts
      await audit.note('refused', this.#addressOf(request), `${whatOf(request)}: ${error.message}`)
    }
  }
}

/** Calls the endpoint, and removes the upload that it did not keep. */
async function handle(endpoint: Endpoint, context: EndpointContext): Promise<Answer | TextAnswer> {
  try {
    return await endpoint.handle(context)
  } finally {
    await context.uploads.discard(context.form.upload)
  }
}

/** Rejections for the audit trail: a client tries what it may not. */
const AUDITED: string[] = ['forbidden', 'too_many']

function createLimits(options: ApiOptions, store: LimitStore | undefined): Limits {
  return {
    messages: new RateLimit(limits.messages, options.rateLimit, store),
    uploads: new UploadLimits(options, store),
    requests: new RateLimit(limits.requests, options.requestRateLimit, store),
    blocks: new RateLimit(limits.blocks, limits.blocks.max, store),
  }
}

/**
 * Bytes of the longest text body: a message in the longest way to write it, and what belongs to it.
 */
function textBytesMaxFor(messageLengthMax: number): number {
  return messageLengthMax * ENCODED_CHARACTER_BYTES + FORM_OVERHEAD_BYTES
}
