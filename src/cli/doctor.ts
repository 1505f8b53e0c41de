import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Chat } from '../chat/chat.ts'
import { type DaemonStatus, daemonStatus, STOPPED, secondsAhead } from '../chat/daemon-status.ts'
import type { Config } from '../config.ts'
import { SqliteStore } from '../sqlite/store.ts'
import { readPidFile, serviceFiles } from './background.ts'
import { askApi, checkApi } from './checks/api.ts'
import { checkDaemon, checkEvents, listensElsewhere } from './checks/daemon.ts'
import { examineDatabase } from './checks/database.ts'
import { checkOrigins, checkPresence, checkProxy } from './checks/exposure.ts'
import { type Finding, warning } from './checks/finding.ts'
import { checkClock, checkOpenFiles, checkUploads } from './checks/machine.ts'
import { checkPort } from './checks/ports.ts'
import { checkRights } from './checks/rights.ts'
import { configFrom, type Flags } from './program.ts'
import { printJson, printTable } from './terminal.ts'

/** `chat-websocket doctor`: a line for each check; exit code 1 when one of them is an error. */
export async function doctor(flags: Flags): Promise<void> {
  const findings = await diagnose(configFrom(flags))
  const hasError = findings.some((finding) => finding.level === 'error')
  if (flags.json) printJson({ healthy: !hasError, checks: findings })
  else printTable(findings.map(rowOf))
  if (hasError) process.exitCode = 1
}

async function diagnose(config: Config): Promise<Finding[]> {
  // Before the database is opened: SQLite sets right what it finds empty, and makes what is not there.
  const rights = checkRights(config)
  const { findings, state, probe } = await examineDatabase(config.database)
  try {
    const chat = probe && new SqliteStore(probe.database, config)
    const watched = chat === undefined ? STOPPED : await daemonStatus(chat, hostname())
    const isKnown = state === 'good' || state === 'none'
    const services = await checkServices(config, isKnown ? watched : undefined)
    const times = await checkTimes(config, chat, watched)
    return [...findings, ...services, ...times, ...rights, ...(await checkExposure(config, chat))]
  } finally {
    await probe?.close()
  }
}

/** @param watched undefined while the database, where it stands, cannot be read */
async function checkServices(
  config: Config,
  watched: DaemonStatus | undefined,
): Promise<Finding[]> {
  const api = await askApi(config)
  const daemonPid = watched?.daemon?.pid
  return [
    checkUploads(config.uploadsDir),
    await checkDaemonPort(config, watched, daemonPid ?? pidOf(config, 'chat-websocket')),
    ...(watched === undefined ? [] : [checkDaemon(watched)]),
    await checkApiPort(config, api?.pid ?? pidOf(config, 'chat-api')),
    checkApi(api, watched),
    checkOpenFiles(config.connectionsMax, daemonPid),
  ]
}

async function checkTimes(
  config: Config,
  chat: Chat | undefined,
  watched: DaemonStatus,
): Promise<Finding[]> {
  if (chat === undefined) return [checkClock(dirname(config.database), 0)]
  const ahead = await secondsAhead(chat, watched.daemon)
  const events = await checkEvents(chat, watched)
  return [events, checkClock(dirname(config.database), ahead)]
}

async function checkExposure(config: Config, chat: Chat | undefined): Promise<Finding[]> {
  const addresses = ((await chat?.connections.list()) ?? []).map(({ address }) => address)
  return [
    checkOrigins(config),
    checkPresence(config.presence, addresses.length),
    checkProxy(config.trustProxy, addresses),
  ]
}

function checkApiPort({ host, apiPort: port }: Config, pid: number | undefined): Promise<Finding> {
  const variable = 'CHAT_API_PORT'
  return checkPort({ check: 'API port', program: 'chat-api', variable, host, port, pid })
}

async function checkDaemonPort(
  { host, wsPort: port }: Config,
  watched: DaemonStatus | undefined,
  pid: number | undefined,
): Promise<Finding> {
  const check = 'WebSocket port'
  if (watched !== undefined && listensElsewhere(watched, port)) {
    const advice = 'It was started with other settings: chat-websocket restart'
    return warning(
      check,
      `the daemon listens on ${watched.daemon?.address}, not on ${port}. ${advice}`,
    )
  }
  const program = 'chat-websocket'
  return checkPort({ check, program, variable: 'CHAT_WS_PORT', host, port, pid })
}

function pidOf({ pidDir }: Config, service: string): number | undefined {
  return readPidFile(serviceFiles(pidDir, service).pidFile)
}

/** A warning stands out among lines that are all as wide. */
function rowOf({ level, check, message }: Finding): string[] {
  return [level.padEnd('warning'.length), check, message]
}
