import { hostname } from 'node:os'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import { CLOSE } from '../websocket/connection.ts'
import { Daemon } from '../websocket/daemon.ts'
import { listenError, openExistingParts, openParts, startHousekeeping } from './parts.ts'
import { createProgram, type RunningService, run } from './program.ts'

/** The daemon: `chat-websocket start`. */
export async function main(): Promise<void> {
  const description = 'The WebSocket daemon of the chat: polls the event table and broadcasts'
  await run(createProgram({ name: 'chat-websocket', description, start, describe }))
}

async function start(config: Config, log: Log): Promise<RunningService> {
  log.plain('Starting Chat WebSocket Server...')
  const { database, chat } = await openParts(config, { durable: false })
  log.plain('Database connection established')
  const daemon = new Daemon(chat, log, {
    ...config,
    port: config.wsPort,
    walFile: config.wake ? `${config.database}-wal` : undefined,
    onLost: () => process.kill(process.pid, 'SIGTERM'),
  })
  const port = await startDaemon(daemon, config)
  const housekeeping = startHousekeeping(database, daemon.chores(), log)
  printStarted(log, config, port)
  return {
    stop: async (isRestart) => {
      await housekeeping.stop()
      await daemon.stop(isRestart ? CLOSE.restarting : CLOSE.stopping)
      await database.close()
    },
  }
}

async function startDaemon(daemon: Daemon, config: Config): Promise<number> {
  try {
    return await daemon.start()
  } catch (error) {
    throw listenError(error, config.host, config.wsPort, 'CHAT_WS_PORT')
  }
}

/** The document's own lines: operators and their scripts look for them. */
function printStarted(log: Log, config: Config, port: number): void {
  const host = ['127.0.0.1', '::1', '0.0.0.0', '::'].includes(config.host)
    ? 'localhost'
    : config.host
  log.plain('Chat WebSocket Server Started')
  log.plain(`Listening on port ${port}`)
  log.plain(
    `Event loop connected - Direct event polling enabled (every ${config.pollIntervalMs}ms)`,
  )
  log.plain(`Chat WebSocket Server running on port ${port}`)
  log.plain(`Use ws://${host}:${port} for connections`)
  log.plain('Direct broadcast via: chat_websocket_broadcast.php')
}

async function describe(config: Config): Promise<Record<string, string | number>> {
  const parts = await openExistingParts(config)
  const daemon = await parts?.chat.daemons.find(hostname())
  await parts?.database.close()
  if (daemon === undefined) return {}
  return {
    address: daemon.address,
    started_at: daemon.startedAt,
    heartbeat_at: daemon.heartbeatAt,
    polled_at: daemon.polledAt,
  }
}
