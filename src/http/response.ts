import type { IncomingMessage, ServerResponse } from 'node:http'
import { ChatError, type ErrorCode } from '../errors.ts'
import type { Share } from '../rate-limits.ts'

/** What an endpoint says, in the document's envelope. Success is HTTP 200, an error that it has an answer for 503. */
export interface Answer {
  status: 'success' | 'error'
  message: string
  data?: object
  /** Keys that clients look for beside `data`. */
  [key: string]: unknown
}

/** What an endpoint for programs says that do not speak JSON. */
export class TextAnswer {
  readonly text: string
  readonly contentType: string

  constructor(text: string, contentType: string) {
    this.text = text
    this.contentType = contentType
  }
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

/** When to look again whether what an endpoint calls an error is over. */
const UNHEALTHY_RETRY_SECONDS = 5
/** Answers up to this long are handed to the system whole. */
const PIECE_BYTES = 64 * 1024
/**
 * How long the rest of a refused request is still read, so that the client gets to see why it was
 * refused. As long as nginx does.
 */
const LINGER_MS = 30_000

export function success(message: string, data: object): Answer {
  return { status: 'success', message, data }
}

/**
 * Resolves when the answer is written; a long one as its reader takes it.
 *
 * @param memory what a long answer is counted against until then
 * @throws ChatError as `Share.take`, before anything is written
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer | TextAnswer,
  memory: Share,
): Promise<void> {
  const isError = 'status' in answer && answer.status === 'error'
  const status = isError ? STATUS_OF.unavailable : 200
  if (isError) response.setHeader('Retry-After', UNHEALTHY_RETRY_SECONDS)
  const body = textOf(answer)
  if (body.length > PIECE_BYTES) return writePieces(response, answer, status, body, memory)
  writeHead(response, answer, status, Buffer.byteLength(body))
  // As text, which Node sends in one piece with the head.
  response.end(body)
}

async function writePieces(
  response: ServerResponse,
  answer: Answer | TextAnswer,
  status: number,
  body: string,
  memory: Share,
): Promise<void> {
  const bytes = Buffer.from(body)
  memory.take(bytes.length)
  writeHead(response, answer, status, bytes.length)
  for (let start = 0; start < bytes.length && !response.destroyed; start += PIECE_BYTES) {
    const hasRoom = response.write(bytes.subarray(start, start + PIECE_BYTES))
    if (!hasRoom) await untilDrained(response)
  }
  response.end()
}

/** Resolves, too, when the reader has hung up. */
function untilDrained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle).off('close', settle)
      resolve()
    }
    response.on('drain', settle).on('close', settle)
    if (response.destroyed) settle()
  })
}

function textOf(answer: Answer | TextAnswer): string {
  return answer instanceof TextAnswer ? answer.text : JSON.stringify(answer)
}

function writeHead(
  response: ServerResponse,
  answer: Answer | TextAnswer,
  status: number,
  bytes: number,
): void {
  const isText = answer instanceof TextAnswer
  response.writeHead(status, {
    'Content-Type': isText ? answer.contentType : 'application/json; charset=utf-8',
    'Content-Length': bytes,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
}

/** The one place where an error becomes an HTTP answer. A ChatError is told; all else is a bug. */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): Promise<void> {
  const chatError = error instanceof ChatError && error.code !== 'setup' ? error : undefined
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  if (chatError?.retryAfterSeconds !== undefined) {
    response.setHeader('Retry-After', chatError.retryAfterSeconds)
  }
  const message = chatError?.message ?? 'Internal error'
  const answer: Answer = { status: 'error', message }
  const body = textOf(answer)
  writeHead(response, answer, statusOf(error), Buffer.byteLength(body))
  response.write(body)
  await linger(request)
  response.end()
  if (!request.complete) request.socket.destroy()
}

/** The HTTP status that an error is answered with. */
export function statusOf(error: unknown): number {
  return STATUS_OF[error instanceof ChatError ? error.code : 'setup']
}

/**
 * Goes on reading a body that was refused before its end, once the answer is on its way. To hang up
 * while the client still writes would reset the connection, and a client that reads only when it has
 * written everything would never see the answer. One that looks earlier may stop.
 */
async function linger(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS)
    for (const event of ['end', 'close']) request.once(event, resolve)
    for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer))
    request.resume()
  })
}
