import { onTestFinished } from 'vitest'
import { type OpenedDaemon, openDaemon } from '../../src/cli/open-daemon.ts'
import { openStore } from '../../src/cli/open-store.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import type { DaemonTimes } from '../../src/websocket/daemon.ts'
import { temporaryFolder } from './processes.ts'
import { type Environment, environment } from './running-program.ts'

/**
 * A daemon in this process, for what takes a program too long: its chat, as a program beside it has it
 * open, and the lines of its log but for those of the start. It serves once `start` is called.
 */
export async function prepareDaemon(times: DaemonTimes = {}, settings: Environment = {}) {
  const config = readConfig(environment(temporaryFolder(), settings))
  const lines: string[] = []
  const log = { ...createLog('text', (line) => void lines.push(line)), plain: () => {} }
  const store = await openStore(config, log, { durable: false })
  let daemon: OpenedDaemon | undefined
  const stop = async () => {
    await daemon?.stop(false)
    daemon = undefined
  }
  onTestFinished(async () => {
    await stop()
    await store.close()
  })
  const start = async () => {
    daemon = await openDaemon(config, log, () => {}, times)
    return `ws://127.0.0.1:${daemon.port}`
  }
  return { chat: store.chat, path: config.database, lines, start, stop }
}
