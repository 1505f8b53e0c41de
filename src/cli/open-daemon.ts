import { Audit } from '../auth/audit.ts'
import { createAuthenticator } from '../auth/authenticate.ts'
import { Refusals } from '../auth/operator.ts'
import type { Config } from '../config/config.ts'
import { hasCode } from '../errors.ts'
import type { Log } from '../log.ts'
import { Metrics } from '../metrics.ts'
import { readCertificate, renewCertificate } from '../tls.ts'
import { urlHost } from '../urls.ts'
import { CLOSE } from '../websocket/close-codes.ts'
import { Daemon, type DaemonTimes } from '../websocket/daemon.ts'
import { DaemonMetrics } from '../websocket/daemon-metrics.ts'
import { watchDescriptors } from './descriptors.ts'
import { type OpenedStore, openStore } from './open-store.ts'
import type { RunningService } from './program.ts'

/** A running daemon. */
export interface OpenedDaemon extends RunningService {
  port: number
}

/**
 * Composes chat-websocket and starts it.
 *
 * @param onLost called when another daemon has taken over: this one must stop
 * @throws ChatError `setup` that tells the operator what to do
 */
export async function openDaemon(
  config: Config,
  log: Log,
  onLost: () => void,
  times: DaemonTimes = {},
): Promise<OpenedDaemon> {
  log.plain('Starting Chat WebSocket Server...')
  const certificate = readCertificate(config)
  const audit = new Audit(log)
  const authenticate = createAuthenticator(config, { log, audit })
  const refusals = new Refusals(audit, config.trustProxy)
  const store = await openStore(config, log, { for: 'daemon' })
  log.plain('Database connection established')
  try {
    const { chat } = store
    const metrics = new DaemonMetrics(new Metrics(), store.walBytes)
    const doorbell = config.wake ? store.doorbell : undefined
    const parts = { chat, log, audit, authenticate, refusals, metrics, doorbell, onLost }
    const daemon = new Daemon({ ...parts, certificate }, config, times)
    const port = await start(daemon, store)
    const descriptors = watchDescriptors(log)
    logStarted(log, config, port)
    return {
      port,
      reload: () => renewCertificate(config, log, (renewed) => daemon.useCertificate(renewed)),
      stop: async (isRestart) => {
        await descriptors.stop()
        await daemon.stop(isRestart ? CLOSE.restarting : CLOSE.stopping)
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function start(daemon: Daemon, { explain }: OpenedStore): Promise<number> {
  try {
    return await daemon.start()
  } catch (error) {
    await daemon.stop()
    throw hasCode(error, 'unavailable') ? explain(error) : error
  }
}

/** The documented start-up lines: operators and their scripts look for them. */
function logStarted(log: Log, config: Config, port: number): void {
  const host = ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(config.host)
    ? 'localhost'
    : config.host
  log.plain('Chat WebSocket Server Started')
  log.plain(`Listening on port ${port}`)
  log.plain(
    `Event loop connected - Direct event polling enabled (every ${config.pollIntervalMs}ms)`,
  )
  log.plain(`Chat WebSocket Server running on port ${port}`)
  const scheme = config.tlsCert === '' ? 'ws' : 'wss'
  log.plain(`Use ${scheme}://${urlHost(host)}:${port} for connections`)
  log.plain('Direct broadcast via: chat_websocket_broadcast.php')
}
