import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import { daemonStatus, lagSeconds } from '../chat/daemon-status.ts'
import type { Config } from '../config/config.ts'
import { readPidFile, serviceFiles } from './background.ts'
import { checkBucket } from './checks/bucket.ts'
import { type CheckedDatabase, checkDatabase } from './checks/database.ts'
import { checkRights, checkSockets } from './checks/exposure.ts'
import type { Finding } from './checks/finding.ts'
import { checkCertificate, checkOpenFiles, checkUploads } from './checks/machine.ts'
import { checkApi, checkDaemons, checkEvents } from './checks/services.ts'
import { checkWebhooks } from './checks/webhooks.ts'
import { isShared } from './open-store.ts'
import { configFrom, type Flags } from './program.ts'
import { printJson, printTable } from './terminal.ts'

/** `chat-websocket doctor`: a line for each check; exit code 1 when one of them is an error. */
export async function doctor(flags: Flags): Promise<void> {
  const findings = await diagnose(configFrom(flags))
  const hasError = findings.some((finding) => finding.level === 'error')
  if (flags.json) printJson({ healthy: !hasError, checks: findings })
  else printTable(findings.map(({ level, check, message }) => [level, check, message]))
  if (hasError) process.exitCode = 1
}

async function diagnose(config: Config): Promise<Finding[]> {
  // Before the database is opened: SQLite removes the write-ahead log when it closes it.
  const rights = checkRights(config)
  const { findings, chat, close } = await check(config)
  try {
    return [
      ...findings,
      ...rights,
      checkUploads(config.uploadsDir),
      await checkBucket(config),
      checkOpenFiles(config.connectionsMax),
      checkCertificate(config),
      ...(await checkServices(config, chat)),
    ]
  } finally {
    await close()
  }
}

async function check(config: Config): Promise<CheckedDatabase> {
  if (!isShared(config)) return checkDatabase(config)
  // Loaded where it is asked for, as in open-store.ts.
  const { checkSharedDatabase } = await import('./checks/shared-database.ts')
  return checkSharedDatabase(config)
}

/** @param chat undefined when its database cannot be read */
async function checkServices(config: Config, chat: Chat | undefined): Promise<Finding[]> {
  const status = chat && (await daemonStatus(chat, hostname()))
  const pid = readPidFile(serviceFiles(config.pidDir, 'chat-websocket').pidFile)
  const services = [...(await checkDaemons(config, status, pid)), await checkApi(config, status)]
  if (chat === undefined || status === undefined) return services
  const events = checkEvents(await lagSeconds(chat, status), status.state)
  const addresses = (await chat.connections.list()).map(({ address }) => address)
  const webhooks = checkWebhooks(config, await chat.webhooks.backlog())
  return [...services, events, webhooks, ...checkSockets(config, addresses)]
}
