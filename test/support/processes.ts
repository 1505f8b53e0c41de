import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { readPidFile } from '../../src/cli/background.ts'
import { processStartedAt } from '../../src/sqlite/process-identity.ts'
import { temporaryFolder } from './folders.ts'
import {
  apiUrl,
  daemonUrl,
  type Environment,
  type Program,
  RunningProgram,
} from './running-program.ts'

/** A process that does not outlive its test. */
export class TestProgram extends RunningProgram {
  constructor(program: Program, args: string[], folder: string, settings: Environment) {
    super(program, args, folder, settings)
    onTestFinished(() => this.kill())
  }
}

/** Runs a command to its end. */
export async function runProgram(
  program: Program,
  args: string[],
  folder: string,
  settings: Environment = {},
): Promise<{ code: number | null; output: string; errors: string }> {
  const running = new TestProgram(program, args, folder, settings)
  return { code: await running.exit(), output: running.output, errors: running.errors }
}

/** Starts chat-api in the foreground; resolves with it and its URL when it takes requests. */
export async function startApi(folder: string, settings: Environment = {}) {
  const program = new TestProgram('chat-api', ['start'], folder, settings)
  return { program, url: await apiUrl(program) }
}

/** Starts chat-websocket in the foreground; resolves with it and its URL when it takes sockets. */
export async function startDaemon(folder: string, settings: Environment = {}) {
  const program = new TestProgram('chat-websocket', ['start'], folder, settings)
  return { program, url: await daemonUrl(program) }
}

/** Both, on one database. */
export async function startChat(settings: Environment = {}, folder = temporaryFolder()) {
  const [api, daemon] = await Promise.all([
    startApi(folder, settings),
    startDaemon(folder, settings),
  ])
  return { folder, api, daemon }
}

/** A service in the background, found as its own commands find it: by its pid file in `folder`. */
export class BackgroundService {
  readonly program: Program
  readonly pidFile: string
  readonly logFile: string

  constructor(program: Program, folder: string) {
    this.program = program
    this.pidFile = join(folder, `${program}.pid`)
    this.logFile = join(folder, `${program}.log`)
    onTestFinished(() => {
      if (this.pid !== undefined) process.kill(this.pid, 'SIGKILL')
    })
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return readPidFile(this.pidFile)
  }

  get log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : ''
  }

  /** The port that the newest start printed. */
  get port(): number {
    return Number(
      this.log
        .match(/running on (?:port |http:.*:)(\d+)/g)
        ?.at(-1)
        ?.match(/\d+$/)?.[0],
    )
  }
}

/** Runs `start -d`. */
export async function startService(
  program: Program,
  folder: string,
  settings: Environment = {},
): Promise<BackgroundService> {
  const service = new BackgroundService(program, folder)
  const { code, output } = await runProgram(program, ['start', '-d'], folder, settings)
  if (code !== 0) throw new Error(`start -d failed: ${output}`)
  return service
}

export function isAlive(pid: number): boolean {
  return processStartedAt(pid) !== undefined
}

/** What the document says one should see, word for word. */
export function daemonLines(port: number | string, pollIntervalMs = 10): string[] {
  return [
    'Starting Chat WebSocket Server...',
    'Database connection established',
    'Chat WebSocket Server Started',
    `Listening on port ${port}`,
    `Event loop connected - Direct event polling enabled (every ${pollIntervalMs}ms)`,
    `Chat WebSocket Server running on port ${port}`,
    `Use ws://localhost:${port} for connections`,
    'Direct broadcast via: chat_websocket_broadcast.php',
  ]
}

export function apiLines(port: number | string): string[] {
  return [
    'Starting Chat API...',
    'Database connection established',
    `Chat API running on http://127.0.0.1:${port}`,
  ]
}

export function linesOf(output: string): string[] {
  return output.split('\n').filter(Boolean)
}
