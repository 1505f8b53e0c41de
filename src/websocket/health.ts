import type { IncomingMessage, ServerResponse } from 'node:http'
import { isOperator, type Refusals, requireOperator } from '../auth/operator.ts'
import type { Chat } from '../chat/chat.ts'
import type { Config } from '../config/config.ts'
import { ChatError, hasCode } from '../errors.ts'
import { POLL_STALE_MS, UNHEALTHY_RETRY_SECONDS } from '../thresholds.ts'
import { setTransportSecurity } from '../tls.ts'
import { pathOf } from '../urls.ts'
import type { DaemonMetrics } from './daemon-metrics.ts'

interface HealthParts extends Pick<Config, 'metricsSecret'> {
  chat: Pick<Chat, 'problem'>
  metrics: DaemonMetrics
  refusals: Refusals
  /** Ms since the last good poll; undefined while the daemon starts or stops. */
  pollAgeMs: () => number | undefined
}

interface HttpAnswer {
  status: number
  body: object | string
  headers?: Record<string, string>
}

/** Answers HTTP requests at the daemon's port: /health and /metrics, and 426 for all else. */
export function createHttpHandler(
  parts: HealthParts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { status, body, headers } = await answer(request, parts).catch(refusal)
    const isText = typeof body === 'string'
    setTransportSecurity(response)
    response.writeHead(status, {
      'Content-Type': isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    })
    response.end(isText ? body : JSON.stringify(body))
  }
}

async function answer(request: IncomingMessage, parts: HealthParts): Promise<HttpAnswer> {
  const path = pathOf(request)
  if (path !== '/health' && path !== '/metrics') return WEBSOCKET_ONLY
  if (request.method !== 'GET' && request.method !== 'HEAD') return GET_ONLY
  if (path === '/metrics') return metrics(request, parts)
  const isForOperator = isOperator(request, parts.metricsSecret)
  return health(parts.pollAgeMs(), parts.chat.problem(), isForOperator)
}

const WEBSOCKET_ONLY: HttpAnswer = {
  status: 426,
  body: 'This is the WebSocket port of the chat: connect with ws://…/?user_id=…\n',
  headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
}

const GET_ONLY: HttpAnswer = {
  status: 405,
  body: { status: 'error', message: 'Use GET here' },
  headers: { Allow: 'GET, HEAD' },
}

/** 403 for a client that is no operator, 429 for one with too many wrong secrets. */
function refusal(error: unknown): HttpAnswer {
  const message = error instanceof ChatError ? error.message : 'Internal error'
  const body = { status: 'error', message }
  if (!hasCode(error, 'too_many')) return { status: error instanceof ChatError ? 403 : 500, body }
  return { status: 429, body, headers: { 'Retry-After': String(error.retryAfterSeconds ?? 1) } }
}

/** 200 while the daemon polls its database, 503 from POLL_STALE_MS after its last good poll. */
export function health(
  pollAgeMs: number | undefined,
  databaseProblem: string | undefined,
  isForOperator = false,
): HttpAnswer {
  const pid = isForOperator ? { pid: process.pid } : {}
  const data = { service: 'chat-websocket', ...pid, poll_age_ms: pollAgeMs ?? null }
  const message = problemOf(pollAgeMs) ?? databaseProblem
  if (message === undefined) {
    return { status: 200, body: { status: 'success', message: 'OK', data } }
  }
  const headers = { 'Retry-After': String(UNHEALTHY_RETRY_SECONDS) }
  return { status: 503, body: { status: 'error', message, data }, headers }
}

function problemOf(pollAgeMs: number | undefined): string | undefined {
  if (pollAgeMs === undefined) return 'The daemon is starting or stopping'
  if (pollAgeMs <= POLL_STALE_MS) return undefined
  return `The last good poll was ${Math.round(pollAgeMs / 1000)} s ago: see the log`
}

async function metrics(request: IncomingMessage, parts: HealthParts): Promise<HttpAnswer> {
  await requireOperator(request, 'metrics', parts.metricsSecret, parts.refusals)
  const { registry } = parts.metrics
  const headers = { 'Content-Type': registry.contentType }
  return { status: 200, body: await registry.text(), headers }
}
