import type { IncomingMessage } from 'node:http'
import type { Audit } from '../auth/audit.ts'
import type { Caller } from '../auth/caller.ts'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import type { RateLimit } from '../limits/rate-limit.ts'
import type { UploadLimits } from '../media/upload-limits.ts'
import type { Uploads } from '../media/uploads.ts'
import type { ApiMetrics } from './api-metrics.ts'
import type { Form } from './form.ts'
import type { Answer, TextAnswer } from './response.ts'

/** What an endpoint may work with. */
export interface EndpointContext {
  form: Form
  caller: Caller
  chat: Chat
  uploads: Uploads
  request: IncomingMessage
  /** The client's, for limits without authentication. */
  address: string
  limits: Limits
  audit: Audit
  metrics: ApiMetrics
  /** Why requests are answered 503; undefined while they are not. */
  problem: () => string | undefined
  metricsSecret: string
  clientConfig: ClientConfig
}

/** The settings for the pages. */
export type ClientConfig = Pick<
  Config,
  | 'publicWsUrl'
  | 'wsPort'
  | 'auth'
  | 'timezone'
  | 'messageLengthMax'
  | 'imageBytesMax'
  | 'voiceBytesMax'
>

/** The rate limits of each user. */
export interface Limits {
  messages: RateLimit
  uploads: UploadLimits
  /** Reads, receipts and status requests. */
  requests: RateLimit
  blocks: RateLimit
}

/**
 * The callers of an endpoint: users, authenticated by CHAT_AUTH (`user`); programs of the shop
 * (`broadcaster`); the operator of the chat (`operator`); any client (`public`).
 */
export type Access = 'user' | 'broadcaster' | 'operator' | 'public'

/** One URL: translates a form into a call of `chat`, and its result into an answer. */
export interface Endpoint {
  methods: readonly ('GET' | 'POST')[]
  /** Checked before the first byte of the body is read. */
  access: Access
  /** Bytes of its longest text body; undefined for that of a message. */
  textBytesMax?: number
  /** Whether its body may carry a file. */
  takesFile?: boolean
  handle: (context: EndpointContext) => Promise<Answer | TextAnswer>
}
