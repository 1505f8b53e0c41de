import type { IncomingMessage } from 'node:http'
import type { Caller } from '../auth.ts'
import type { Chat } from '../chat/chat.ts'
import type { AuthMode } from '../config.ts'
import type { RateLimit } from '../rate-limits.ts'
import type { ApiMetrics } from './api-metrics.ts'
import type { Form } from './form.ts'
import type { Answer, TextAnswer } from './response.ts'
import type { Uploads } from './uploads.ts'

/** What an endpoint may work with. */
export interface EndpointContext {
  form: Form
  caller: Caller
  chat: Chat
  uploads: Uploads
  request: IncomingMessage
  limits: Limits
  broadcastSecret: string
  metrics: ApiMetrics
  /** Why requests are answered 503; undefined while they are not. */
  problem: string | undefined
  metricsSecret: string
  clientConfig: ClientConfig
}

/** What the pages have to know of the settings. */
export interface ClientConfig {
  /** '' = the host that the page came from, and the daemon's port. */
  publicWsUrl: string
  /** The daemon's port while it is not running. */
  wsPort: number
  auth: AuthMode
  timezone: string
  messageLengthMax: number
  imageBytesMax: number
  voiceBytesMax: number
}

/** How much one user may do. */
export interface Limits {
  messages: RateLimit
  uploads: RateLimit
}

/** One URL: it translates a form into a call of `chat`, and its result into an answer. */
export type Endpoint = (context: EndpointContext) => Promise<Answer | TextAnswer>
