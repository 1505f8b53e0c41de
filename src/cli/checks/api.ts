import type { DaemonStatus } from '../../chat/daemon-status.ts'
import type { Config } from '../../config.ts'
import { urlHost } from '../../urls.ts'
import { askHealth, type HealthAnswer } from '../ask-health.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** What came of asking chat-api for its health. */
export interface ApiAnswer extends HealthAnswer {
  url: string
  /** Undefined when it does not say, or is not chat-api. */
  pid: number | undefined
}

/** Undefined for CHAT_API_PORT=0: then nobody knows where it listens. */
export async function askApi(config: Config): Promise<ApiAnswer | undefined> {
  if (config.apiPort === 0) return undefined
  const scheme = config.tlsCert === '' ? 'http' : 'https'
  const url = `${scheme}://${urlHost(reachable(config.host))}:${config.apiPort}`
  const answer = await askHealth(url, config.metricsSecret)
  const { pid } = answer.data
  return { ...answer, url: `${url}/health`, pid: typeof pid === 'number' ? pid : undefined }
}

/** @param watched undefined when it is not known which daemon is the right one */
export function checkApi(api: ApiAnswer | undefined, watched: DaemonStatus | undefined): Finding {
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
  if (api.data.service !== 'chat-api') {
    return error(name, `what answers at ${api.url} is not chat-api`)
  }
  if (api.pid === undefined) {
    return ok(name, `answers at ${api.url}; to hear its pid, set its CHAT_METRICS_SECRET here too`)
  }
  if (watched !== undefined && api.data.daemon_pid !== (watched.daemon?.pid ?? null)) {
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
