import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { WatchedDaemon } from '../../chat/watch.ts'
import type { Config } from '../../config.ts'
import { systemCode } from '../../errors.ts'
import { urlHost } from '../parts.ts'
import { error, type Finding, ok, warning } from './finding.ts'

const TIMEOUT_MS = 3_000
/** An answer to /health is a few hundred bytes. */
const ANSWER_BYTES_MAX = 64 * 1024

/** What came of asking chat-api for its health. */
export interface ApiAnswer {
  url: string
  /** Undefined when there was no answer. */
  status: number | undefined
  /** Undefined when it is not chat-api that answered. */
  pid: number | undefined
  daemonPid: number | undefined
  message: string
  /** The system's code when there was no answer: ECONNREFUSED, ETIMEDOUT … */
  code: string
}

/** Undefined for CHAT_API_PORT=0: then nobody knows where it listens. */
export async function askApi(config: Config): Promise<ApiAnswer | undefined> {
  if (config.apiPort === 0) return undefined
  const scheme = config.tlsCert === '' ? 'http' : 'https'
  const url = `${scheme}://${urlHost(reachable(config.host))}:${config.apiPort}/health`
  const silent = { url, status: undefined, pid: undefined, daemonPid: undefined, message: '' }
  try {
    const { status, body } = await get(url)
    return { ...silent, ...readHealth(body), status, code: '' }
  } catch (cause) {
    return { ...silent, code: systemCode(cause) }
  }
}

/** @param watched undefined when it is not known which daemon is the right one */
export function checkApi(api: ApiAnswer | undefined, watched: WatchedDaemon | undefined): Finding {
  const name = 'chat-api'
  if (api === undefined) {
    return warning(name, 'cannot be asked: with CHAT_API_PORT=0 nobody knows where it listens')
  }
  if (api.code === 'ECONNREFUSED') {
    return warning(name, 'is not running. Start it: chat-api start -d')
  }
  if (api.status === undefined) {
    const reason = `${api.url} does not answer (${api.code || 'not HTTP'})`
    return error(name, `${reason}. See chat-api logs, then: chat-api restart`)
  }
  if (api.status !== 200) {
    return error(name, `${api.url} answers ${api.status}: ${api.message}. See: chat-api logs`)
  }
  if (api.pid === undefined) return error(name, `what answers at ${api.url} is not chat-api`)
  if (watched !== undefined && api.daemonPid !== watched.daemon?.pid) {
    const advice = 'set the same CHAT_DATABASE for both, then: chat-api restart'
    return error(name, `answers, but works on another database than this one: ${advice}`)
  }
  return ok(name, `answers at ${api.url} (pid ${api.pid})`)
}

/** An address that stands for all of this machine's is no address to ask. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function get(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? httpsRequest : httpRequest
    // The certificate is for the public name, not for 127.0.0.1.
    const options = { rejectUnauthorized: false, agent: false }
    const timer = setTimeout(() => sent.destroy(timeout()), TIMEOUT_MS)
    const sent = request(url, options, (response) => {
      readBody(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    sent.on('error', reject)
    sent.on('close', () => clearTimeout(timer))
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

function readHealth(body: string): Pick<ApiAnswer, 'pid' | 'daemonPid' | 'message'> {
  try {
    const { message, data } = JSON.parse(body)
    const isApi = data?.service === 'chat-api'
    return {
      pid: isApi ? data.pid : undefined,
      daemonPid: data?.daemon_pid ?? undefined,
      message: String(message),
    }
  } catch {
    return { pid: undefined, daemonPid: undefined, message: 'no JSON' }
  }
}

function timeout(): Error {
  return Object.assign(new Error('No answer in time'), { code: 'ETIMEDOUT' })
}
