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
interface EndpointContext {
  form: Form
  caller: Caller
  chat: Chat
  uploads: Uploads
  request: IncomingMessage
  /** The client's, for what is counted where nobody says who they are. */
  address: string
  limits: Limits
  audit: Audit
  metrics: ApiMetrics
  /** Looks why requests are answered 503; undefined while they are not. */
  problem: () => string | undefined
  metricsSecret: string
  clientConfig: ClientConfig
}

/** The settings that the pages have to know. */
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

/** How much one user may do. */
export interface Limits {
  messages: RateLimit
  uploads: UploadLimits
  /** Reads, receipts and status requests. */
  requests: RateLimit
  blocks: RateLimit
}

/**
 * Whom an endpoint answers: users, who prove who they are as CHAT_AUTH says; programs of the shop
 * (`broadcaster`); whoever runs the chat (`operator`); everybody (`public`).
 */
export type Access = 'user' | 'broadcaster' | 'operator' | 'public'

/** One URL. It translates a form into a call of `chat`, and its result into an answer. */
export interface Endpoint {
  methods: readonly ('GET' | 'POST')[]
  /** Who may call it: known before a byte of the body is read. */
  access: Access
  /** Bytes of its longest text body, where that is not a message with what belongs to it. */
  textBytesMax?: number
  /** Whether its body may carry a file. */
  takesFile?: boolean
  handle: (context: EndpointContext) => Promise<Answer | TextAnswer>
}
