import { once } from 'node:events'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import type { DaemonState, DaemonStatus, LivingDaemon } from '../../chat/daemon-status.ts'
import type { Config } from '../../config/config.ts'
import { listenError } from '../../listener.ts'
import { EVENT_WAIT_SECONDS_MAX } from '../../thresholds.ts'
import { askApi, healthLine } from '../ask-health.ts'
import { error, type Finding, ok, warning } from './finding.ts'

const DAEMON = 'chat-websocket'

/**
 * A finding for each daemon that lives, and for one that does not.
 *
 * @param status undefined when the database cannot be read
 * @param pid of the pid file
 */
export async function checkDaemons(
  config: Config,
  status: DaemonStatus | undefined,
  pid: number | undefined,
): Promise<Finding[]> {
  const daemons = status?.daemons ?? []
  const findings = daemons.map((daemon) => checkDaemon(config, daemon))
  const isAnyHere = daemons.some((daemon) => daemon.hostname === hostname())
  if (pid !== undefined && !isAnyHere) {
    const message = `runs (pid ${pid}), but not on a database that can be read here`
    return [...findings, warning(DAEMON, message)]
  }
  if (daemons.length > 0) return findings
  return [await checkStopped(DAEMON, config.host, config.wsPort, 'CHAT_WS_PORT')]
}

function checkDaemon({ wsPort }: Config, daemon: LivingDaemon): Finding {
  const { address, state, pollAgeSeconds } = daemon
  const isHere = daemon.hostname === hostname()
  const process = `(pid ${daemon.pid}${isHere ? '' : ` on ${daemon.hostname}`})`
  const poll = `its last good poll was ${pollAgeSeconds} s ago`
  if (state === 'unhealthy') {
    const advice = 'See why: chat-websocket logs; then: chat-websocket restart'
    return error(DAEMON, `runs ${process}, but ${poll}. ${advice}`)
  }
  if (isHere && wsPort !== 0 && !address.endsWith(`:${wsPort}`)) {
    const advice = 'It was started with other settings: chat-websocket restart'
    return warning(DAEMON, `listens on ${address}, not on ${wsPort}. ${advice}`)
  }
  return ok(DAEMON, `listens on ${address} ${process}, ${poll}`)
}

/** @param daemonStatus undefined when the database cannot be read */
export async function checkApi(
  config: Config,
  daemonStatus: DaemonStatus | undefined,
): Promise<Finding> {
  const name = 'chat-api'
  const { host, apiPort } = config
  const api = await askApi(config)
  if (api === undefined) {
    return warning(name, 'cannot be asked: with CHAT_API_PORT=0 nobody knows where it listens')
  }
  const { url, code, status, data } = api
  if (code === 'ECONNREFUSED') return checkStopped(name, host, apiPort, 'CHAT_API_PORT')
  if (status !== 200 || data.service !== 'chat-api') {
    const problem = status === 200 ? 'what answers is not chat-api' : healthLine(api)
    const advice = `See chat-api logs, and who holds the port: sudo ss -ltnp "sport = :${apiPort}"`
    return error(name, `${url}: ${problem}. ${advice}`)
  }
  // Only operators receive it: with CHAT_METRICS_SECRET, callers that send it.
  const hasDaemonPid = data.daemon_pid !== undefined
  if (
    hasDaemonPid &&
    daemonStatus !== undefined &&
    data.daemon_pid !== (daemonStatus.daemons[0]?.pid ?? null)
  ) {
    const advice = 'Set the same CHAT_DATABASE for both, then: chat-api restart'
    return error(name, `answers, but works on another database than this one. ${advice}`)
  }
  return ok(name, `answers at ${url}`)
}

/** Checks the port of a service that does not run: it must be free. */
async function checkStopped(
  service: 'chat-api' | 'chat-websocket',
  host: string,
  port: number,
  variable: string,
): Promise<Finding> {
  try {
    const server = createServer().listen(port, host)
    await once(server, 'listening')
    await once(server.close(), 'close')
    return warning(service, `is not running. Start it: ${service} start -d`)
  } catch (cause) {
    const { message } = listenError(cause, host, port, variable)
    return error(service, `is not running, and cannot be started. ${message}`)
  }
}

/** @param seconds how long the oldest undelivered event waits */
export function checkEvents(seconds: number, state: DaemonState): Finding {
  const name = 'pending events'
  if (seconds === 0) return ok(name, 'none waits')
  const oldest = `the oldest has waited for ${seconds} s`
  if (seconds <= EVENT_WAIT_SECONDS_MAX) return ok(name, oldest)
  const advice = state === 'stopped' ? 'chat-websocket start -d' : 'chat-websocket restart'
  return error(name, `${oldest}: nobody is sent anything. Do: ${advice}`)
}
