import type { IncomingMessage, ServerResponse } from 'node:http'
import { ChatError, type ErrorCode } from '../errors.ts'

/** What an endpoint says, in the document's envelope. Success is always HTTP 200. */
export interface Answer {
  status: 'success' | 'error'
  message: string
  data?: object
  /** Keys that clients look for beside `data`. */
  [key: string]: unknown
}

const STATUS_OF: Record<ErrorCode, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  unsupported_type: 415,
  too_many: 429,
  unavailable: 503,
  setup: 500,
}

/** Reads of a refused body that are still taken, so that the client gets to see why it was refused. */
const DRAINED_BYTES_MAX = 32 * 1024 * 1024
const DRAIN_MS = 10_000

export function success(message: string, data: object): Answer {
  return { status: 'success', message, data }
}

export function sendAnswer(response: ServerResponse, answer: Answer, httpStatus = 200): void {
  const body = Buffer.from(JSON.stringify(answer))
  response.writeHead(httpStatus, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(body)
}

/** The one place where an error becomes an HTTP answer. A ChatError is told; all else is a bug. */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): Promise<void> {
  const chatError = error instanceof ChatError && error.code !== 'setup' ? error : undefined
  await drain(request)
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  if (!request.complete) response.setHeader('Connection', 'close')
  if (chatError?.retryAfterSeconds !== undefined) {
    response.setHeader('Retry-After', chatError.retryAfterSeconds)
  }
  const message = chatError?.message ?? 'Internal error'
  sendAnswer(response, { status: 'error', message }, STATUS_OF[chatError?.code ?? 'setup'])
}

/**
 * Reads what is left of a refused request's body. A server that closes the connection while the
 * client still writes resets it, and the client never sees the answer.
 */
async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  await new Promise<void>((resolve) => {
    let bytes = 0
    const timer = setTimeout(resolve, DRAIN_MS)
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > DRAINED_BYTES_MAX) resolve()
    })
    request.once('end', resolve)
    request.once('close', resolve)
    request.once('close', () => clearTimeout(timer))
    request.resume()
  })
}
