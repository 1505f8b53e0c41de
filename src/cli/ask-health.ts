import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { isObject, parseObject } from '../chat/json.ts'
import type { Config } from '../config/config.ts'
import { systemCode } from '../errors.ts'
import { urlHost } from '../urls.ts'

const TIMEOUT_MS = 3_000
/** An answer to /health is a few hundred bytes. */
const ANSWER_BYTES_MAX = 64 * 1024

/** What came of asking one of the two servers for its health. */
interface HealthAnswer {
  /** Undefined when there was no answer. */
  status: number | undefined
  message: string
  /** {} when another program answered. */
  data: Record<string, unknown>
  /** The system's code when there was no answer: ECONNREFUSED, ETIMEDOUT … */
  code: string
}

/**
 * @param serverUrl 'http://127.0.0.1:8080', or with https, ws or wss
 * @param metricsSecret for the operator's part of the answer; omit it for a URL that others choose
 */
export async function askHealth(serverUrl: string, metricsSecret = ''): Promise<HealthAnswer> {
  const url = new URL('/health', serverUrl.replace(/^ws/, 'http'))
  const headers = metricsSecret === '' ? {} : { Authorization: `Bearer ${metricsSecret}` }
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const { status, body } = await get(url, { headers, signal })
    return { ...readAnswer(body), status, code: '' }
  } catch (cause) {
    const code = signal.aborted ? 'ETIMEDOUT' : systemCode(cause)
    return { status: undefined, message: '', data: {}, code }
  }
}

export interface ApiAnswer extends HealthAnswer {
  url: string
}

/** Asks chat-api; undefined for CHAT_API_PORT=0, whose real port is not known. */
export async function askApi(config: Config): Promise<ApiAnswer | undefined> {
  if (config.apiPort === 0) return undefined
  const scheme = config.tlsCert === '' ? 'http' : 'https'
  const url = `${scheme}://${urlHost(reachable(config.host))}:${config.apiPort}`
  return { ...(await askHealth(url, config.metricsSecret)), url: `${url}/health` }
}

/** A client cannot connect to the address that binds all interfaces. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

/** One line for the operator: 'OK', or the problem. */
export function healthLine({ status, message, code }: HealthAnswer): string {
  return status === undefined ? `no answer (${code || 'not HTTP'})` : message
}

function get(url: URL, options: RequestOptions): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    // The certificate is for the public name, not for 127.0.0.1.
    const local = { ...options, rejectUnauthorized: false, agent: false }
    const sent = request(url, local, (response) => {
      readBody(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk
    if (body.length > ANSWER_BYTES_MAX) break
  }
  return body
}

function readAnswer(body: string): Pick<HealthAnswer, 'message' | 'data'> {
  const answer = parseObject(body)
  if (answer === undefined) return { message: 'no JSON', data: {} }
  const { message, data } = answer
  return { message: String(message), data: isObject(data) ? data : {} }
}
