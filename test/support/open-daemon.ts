import { onTestFinished } from 'vitest'
import { Audit } from '../../src/audit.ts'
import { createAuthenticator } from '../../src/auth/authenticate.ts'
import { Refusals } from '../../src/auth/operator.ts'
import { readConfig } from '../../src/config.ts'
import { limits } from '../../src/limits.ts'
import { createLog } from '../../src/log.ts'
import { Metrics } from '../../src/metrics.ts'
import { RateLimit } from '../../src/rate-limits.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { Daemon, type DaemonOptions } from '../../src/websocket/daemon.ts'
import { DaemonMetrics } from '../../src/websocket/daemon-metrics.ts'
import { temporaryFolder } from './processes.ts'
import { type Environment, environment } from './running-program.ts'

/** A daemon in this process, for what takes a program too long, and the lines of its log. */
export async function openDaemon(
  options: Pick<DaemonOptions, 'backlogMs' | 'sessionCheckMs'> = {},
  settings: Environment = {},
) {
  const config = readConfig(environment(temporaryFolder(), settings))
  const database = await openDatabase(config.database, { durable: false })
  const chat = new SqliteStore(database, config)
  const lines: string[] = []
  const log = createLog('text', (line) => void lines.push(line))
  const audit = new Audit(log)
  const metrics = new DaemonMetrics(new Metrics(), () => 0)
  const daemon = new Daemon(
    {
      chat,
      log,
      audit,
      authenticate: createAuthenticator(config, { log, audit }),
      refusals: new Refusals(audit, false),
      doorbell: undefined,
      databaseProblem: () => undefined,
      connects: new RateLimit(limits.connects, 0),
      metrics,
    },
    {
      ...config,
      ...options,
      port: 0,
      certificate: undefined,
      onLost: () => {},
    },
  )
  onTestFinished(async () => {
    await daemon.stop()
    await database.close()
  })
  const start = async () => `ws://127.0.0.1:${await daemon.start()}`
  return { daemon, chat, path: config.database, metrics, start, lines }
}
