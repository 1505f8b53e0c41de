import type { IncomingMessage, ServerResponse } from 'node:http'
import { ChatError, type ErrorCode } from '../errors.ts'
import type { Share } from '../limits/quota.ts'
import { UNHEALTHY_RETRY_SECONDS } from '../thresholds.ts'

/**
 * The answer of an endpoint, in the document's envelope. Success is HTTP 200, its own error 503.
 */
export interface Answer {
  status: 'success' | 'error'
  message: string
  data?: object
  /** Keys that clients look for beside `data`. */
  [key: string]: unknown
}

/** The answer of an endpoint as it is sent, with HTTP 200. */
export class TextAnswer {
  readonly text: string
  readonly contentType: string

  constructor(text: string, contentType: string) {
    this.text = text
    this.contentType = contentType
  }
}

/** The HTTP status of each error. */
export const STATUS_OF: Record<ErrorCode, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  unsupported_type: 415,
  too_many: 429,
  busy: 503,
  unavailable: 503,
  uncertain: 503,
  setup: 500,
}

/** Headers as names and values in turn: `writeHead` sends such a list for much less than an object. */
export type HeaderList = readonly string[]

const JSON_TYPE = 'application/json; charset=utf-8'
/** Answers up to this length are written in one piece. */
const PIECE_BYTES = 64 * 1024
/**
 * The rest of a rejected request is read for so long, so that the client reads why: as in nginx.
 */
const LINGER_MS = 30_000

export function success(message: string, data: object): Answer {
  return { status: 'success', message, data }
}

/** As `success`, for data that is JSON already. */
export function successOf(message: string, json: string): TextAnswer {
  const text = `{"status":"success","message":${JSON.stringify(message)},"data":${json}}`
  return new TextAnswer(text, JSON_TYPE)
}

/** An answer as it goes out: as text, which Node sends in one piece with the head, or as long bytes. */
interface EncodedAnswer {
  status: number
  contentType: string
  content: string | Buffer
}

/**
 * Encodes an answer before it is sent, so that its data is not held in memory while a slow client
 * reads it.
 *
 * @param memory counts a long answer until it is sent
 * @throws ChatError as `Share.take`
 */
export function encode(answer: Answer | TextAnswer, memory: Share): EncodedAnswer {
  const isError = 'status' in answer && answer.status === 'error'
  const status = isError ? STATUS_OF.unavailable : 200
  const isText = answer instanceof TextAnswer
  const text = isText ? answer.text : JSON.stringify(answer)
  const contentType = isText ? answer.contentType : JSON_TYPE
  if (text.length <= PIECE_BYTES) return { status, contentType, content: text }
  memory.take(Buffer.byteLength(text))
  return { status, contentType, content: Buffer.from(text) }
}

/**
 * Returns when the answer is written, or resolves then for a long one.
 *
 * @param headers of any answer to the request
 */
export function sendAnswer(
  response: ServerResponse,
  answer: EncodedAnswer,
  headers: HeaderList,
): Promise<void> | void {
  const { status, content } = answer
  if (status !== 200) response.setHeader('Retry-After', UNHEALTHY_RETRY_SECONDS)
  writeHead(response, answer, headers)
  if (typeof content === 'string') return void response.end(content)
  return writeInPieces(response, content)
}

/** Writes with backpressure. */
async function writeInPieces(response: ServerResponse, content: Buffer): Promise<void> {
  for (let start = 0; start < content.length && !response.destroyed; start += PIECE_BYTES) {
    const hasRoom = response.write(content.subarray(start, start + PIECE_BYTES))
    if (!hasRoom) await untilDrained(response)
  }
  response.end()
}

/** Resolves when the client has read what is buffered, or has disconnected. */
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

function writeHead(
  response: ServerResponse,
  { status, contentType, content }: EncodedAnswer,
  headers: HeaderList,
): void {
  const length = String(Buffer.byteLength(content))
  response.writeHead(status, [
    ...headers,
    ...['Content-Type', contentType],
    ...['Content-Length', length],
    ...['Cache-Control', 'no-store'],
    ...['X-Content-Type-Options', 'nosniff'],
  ])
}

/** Sets the headers of an answer that another part begins. */
export function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (const [index, name] of headers.entries()) {
    if (index % 2 === 0) response.setHeader(name, headers[index + 1] ?? '')
  }
}

/** The one place where an error becomes an HTTP answer: a ChatError's message, or a bug's 500. */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  headers: HeaderList,
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
  const content = JSON.stringify({ status: 'error', message } satisfies Answer)
  writeHead(response, { status: statusOf(error), contentType: JSON_TYPE, content }, headers)
  response.write(content)
  await linger(request)
  response.end()
  if (!request.complete) request.socket.destroy()
}

/** The HTTP status of what was thrown. */
export function statusOf(error: unknown): number {
  return STATUS_OF[error instanceof ChatError ? error.code : 'setup']
}

/**
 * Reads the rest of a rejected body after the answer. To close while the client still writes would
 * reset the connection, and a client that reads only after it has written everything would never
 * receive the answer. A client that reads earlier may stop.
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
