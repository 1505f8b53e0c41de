import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import { inspect } from 'node:util'
import { Command } from 'commander'
import { type Config, readConfig, settings } from '../config/config.ts'
import { flagOf, type Setting } from '../config/setting.ts'
import { ChatError } from '../errors.ts'
import { createLog, type Log, type LogFormat } from '../log.ts'
import {
  claimPidFile,
  notifyStarter,
  openExisting,
  readPidFile,
  serviceFiles,
  startInBackground,
  stopProcess,
} from './background.ts'
import { envFiles, readEnvFile } from './env-file.ts'
import { printJson, printLine } from './terminal.ts'

/** Exit code of `status` when the service is not running, as in init scripts. */
const NOT_RUNNING = 3
/** The time for a graceful shutdown before the forced exit. */
const FORCED_EXIT_MS = 10_000
const LOG_LINES = 100

/** A program that can be started, in the foreground or the background, and stopped. */
interface Service {
  name: 'chat-api' | 'chat-websocket'
  description: string
  /** Starts everything; rejects with a ChatError `setup` that tells the operator what to do. */
  start(config: Config, log: Log): Promise<RunningService>
  /** The lines of `status` beside the pid, by label. */
  describe(config: Config, pid: number): Promise<Record<string, string | number>>
}

export interface RunningService {
  /** Called for SIGHUP. */
  reload(): void
  stop(isRestart: boolean): Promise<void>
}

/** The flags of the command line, by commander's names; switches are true. */
export type Flags = Record<string, string | undefined>

/** The command line that both programs share: start, stop, restart, status, logs. */
export function createProgram(service: Service): Command {
  const program = new Command(service.name).description(service.description)
  program.showSuggestionAfterError(false).configureOutput({
    outputError: (message, write) => write(message.replace(/^error:/, `${service.name}:`)),
  })
  program.version(packageVersion(), '-V, --version')
  addCommand(program, 'start', 'run in the foreground, or with -d in the background')
    .option('-d, --daemon', 'run in the background, with a pid file and a log file')
    .action((flags) => (flags.daemon ? background(service, flags) : foreground(service, flags)))
  addCommand(program, 'stop', 'stop it').action((flags) => stop(service, flags, 'SIGTERM'))
  addCommand(program, 'restart', 'stop it, then start it in the background').action(
    async (flags) => {
      await stop(service, flags, 'SIGUSR2')
      await background(service, flags)
    },
  )
  addCommand(program, 'status', `tell whether it runs; exit code ${NOT_RUNNING} if not`)
    .option('--json', 'as JSON')
    .action((flags) => status(service, flags))
  addCommand(program, 'logs', `print the last ${LOG_LINES} lines of the background service's log`)
    .option('-f, --follow', 'and those to come')
    .action((flags) => logs(service, flags))
  return program
}

/** Adds a command that takes every setting as a flag. */
export function addCommand(program: Command, name: string, description: string): Command {
  const command = program.command(name).description(description)
  for (const setting of flaggedSettings()) {
    const fallback = setting.fallback === '' ? '' : ` (default: ${setting.fallback})`
    command.option(`${flagOf(setting)} <value>`, `${setting.meaning}${fallback}`)
  }
  return command
}

/**
 * Flags take precedence over the environment, and that over the `.env` files. Also sets the umask
 * of CHAT_UMASK: no command opens a file before it.
 */
export function configFrom(flags: Flags): Config {
  const given: Flags = {}
  for (const setting of flaggedSettings()) {
    given[setting.variable] = flags[camelCase(flagOf(setting).slice(2))]
  }
  const config = readConfig(given, process.env, ...envFiles().map(readEnvFile))
  process.umask(config.umask)
  return config
}

/** Runs the command line; a ChatError becomes one line and exit code 1. */
export async function run(program: Command): Promise<void> {
  // A reader that closes its end (`… | head`, a closed terminal) must not stop the service.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  try {
    await program.parseAsync()
  } catch (error) {
    await fail(program.name(), error, 'text')
  }
}

async function foreground(service: Service, flags: Flags): Promise<void> {
  const config = configFrom(flags)
  const log = createLog(config.logFormat, (line) => process.stdout.write(line))
  try {
    await serve(service, config, log)
  } catch (error) {
    await fail(service.name, error, config.logFormat)
  }
}

/** Runs the service until a signal; then a graceful shutdown, with a timer for a forced exit. */
async function serve(service: Service, config: Config, log: Log): Promise<void> {
  let running: RunningService | undefined
  const stopping = stopSignal(() => running?.reload())
  const releasePidFile = claimPidFile(serviceFiles(config.pidDir, service.name).pidFile)
  try {
    running = await service.start(config, log)
  } catch (error) {
    releasePidFile()
    throw error
  }
  await notifyStarter(undefined)
  const signal = await stopping
  log.info(`${signal}: stopping`)
  setTimeout(() => {
    log.error(`Not stopped after ${FORCED_EXIT_MS / 1000} s; exiting anyway`)
    process.exit(1)
  }, FORCED_EXIT_MS).unref()
  await running.stop(signal === 'SIGUSR2')
  releasePidFile()
  log.info('Stopped')
  process.exit(0)
}

/**
 * Resolves with the first signal that ends this process. SIGHUP does so only when the terminal of
 * its start has closed; otherwise it means `reload`. It is handled from the start: Node reverts the
 * "ignore SIGHUP" of `nohup`.
 */
function stopSignal(reload: () => void): Promise<NodeJS.Signals> {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))
  const isTerminalGone = () => terminals.some((descriptor) => !isatty(descriptor))
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const) process.on(signal, resolve)
    process.on('SIGHUP', (signal) => (isTerminalGone() ? resolve(signal) : reload()))
  })
}

async function background(service: Service, flags: Flags): Promise<void> {
  const files = serviceFiles(configFrom(flags).pidDir, service.name)
  const pid = readPidFile(files.pidFile)
  if (pid !== undefined) {
    const advice = `To start it anew: ${service.name} restart`
    throw new ChatError('setup', `already running (pid ${pid}). ${advice}`)
  }
  const program = process.argv[1] as string
  const startedPid = await startInBackground(files, program, ['start', ...flagArguments(flags)])
  console.log(`${service.name} started in the background (pid ${startedPid})`)
  console.log(`Log file: ${files.logFile}`)
}

async function stop(service: Service, flags: Flags, signal: NodeJS.Signals): Promise<void> {
  const pid = readPidFile(serviceFiles(configFrom(flags).pidDir, service.name).pidFile)
  if (pid === undefined) return console.log(`${service.name} is not running`)
  if (!(await stopProcess(pid, signal))) {
    throw new ChatError('setup', `pid ${pid} does not stop. End it with: kill -9 ${pid}`)
  }
  console.log(`${service.name} stopped (pid ${pid})`)
}

async function status(service: Service, flags: Flags): Promise<void> {
  const config = configFrom(flags)
  const pid = readPidFile(serviceFiles(config.pidDir, service.name).pidFile)
  const isRunning = pid !== undefined
  const details = isRunning ? { pid, ...(await service.describe(config, pid)) } : {}
  const report = { service: service.name, running: isRunning, ...details }
  if (flags.json) printJson(report)
  else printReport(report)
  if (!isRunning) process.exitCode = NOT_RUNNING
}

function printReport(report: { service: string; running: boolean }): void {
  const { service, running, ...details } = report
  console.log(`${service} is ${running ? 'running' : 'not running'}`)
  for (const [label, value] of Object.entries(details)) {
    printLine(`  ${label.replaceAll('_', ' ')}: ${value}`)
  }
}

async function logs(service: Service, flags: Flags): Promise<void> {
  const { logFile } = serviceFiles(configFrom(flags).pidDir, service.name)
  const file = openExisting(logFile)
  if (file === undefined) {
    throw new ChatError('setup', `there is no log at ${logFile}. Only "start -d" writes one.`)
  }
  closeSync(file)
  // tail -F also follows a log that is rotated.
  const follow = flags.follow ? ['-F'] : []
  // Before tail starts, so that it never outlives this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => tail.kill(signal))
  }
  const tail = spawn('tail', ['-n', String(LOG_LINES), ...follow, logFile], { stdio: 'inherit' })
  await once(tail, 'exit')
}

/** The settings among the flags, as arguments again. */
function flagArguments(flags: Flags): string[] {
  return flaggedSettings().flatMap((setting) => {
    const value = flags[camelCase(flagOf(setting).slice(2))]
    return value === undefined ? [] : [flagOf(setting), value]
  })
}

/** The settings that may be given as flags. */
function flaggedSettings(): Setting<unknown>[] {
  return Object.values<Setting<unknown>>(settings).filter((setting) => !setting.isSecret)
}

/** As commander names a flag's value: apiPort for api-port. */
function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Reports an error in one line, on stderr and to a waiting `start -d`; then exits. */
async function fail(name: string, error: unknown, format: LogFormat): Promise<void> {
  const isBug = !(error instanceof ChatError)
  const message = isBug ? 'this is a bug, please report it' : error.message
  const log = createLog(format, (line) => process.stderr.write(line))
  if (format === 'json') log.error(message, isBug ? error : undefined)
  else log.plain(`${name}: ${message}${isBug ? `\n${inspect(error)}` : ''}`)
  await notifyStarter(message)
  process.exit(1)
}

function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
