import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { createDatabase } from './mariadb.ts'
import { waitFor } from './wait.ts'

/** The checkout that these tests belong to. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export type Program = 'chat-api' | 'chat-websocket'
export type Environment = Record<string, string>

/** The settings of a chat that lives in `folder` and nowhere else, on free ports. */
export function environment(folder: string, settings: Environment = {}): Environment {
  return {
    CHAT_DATABASE: databaseOf(folder),
    CHAT_UPLOADS_DIR: join(folder, 'uploads'),
    CHAT_PID_DIR: folder,
    CHAT_API_PORT: '0',
    CHAT_WS_PORT: '0',
    // All clients of a test are one address, and some are in a hurry.
    CHAT_RATE_LIMIT: '0',
    CHAT_REQUEST_RATE_LIMIT: '0',
    CHAT_UPLOAD_BYTES_PER_DAY: '0',
    CHAT_MAX_CONNECTIONS_PER_ADDRESS: '0',
    CHAT_UPLOAD_RATE_LIMIT: '0',
    CHAT_CONNECT_RATE_LIMIT: '0',
    ...settings,
  }
}

/** An SQLite file in the folder; in the tests of the shared engine a database of the folder's name. */
function databaseOf(folder: string): string {
  const port = process.env.CHAT_TEST_ENGINE === 'mysql' ? inject('mariadbPort') : undefined
  return port === undefined ? join(folder, 'chat.db') : createDatabase(port, basename(folder))
}

/** All of a process's environment: nothing of the machine's own CHAT_… settings may reach a test. */
export function processEnvironment(folder: string, settings: Environment = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CHAT|AWS)_/.test(name))
  return { ...Object.fromEntries(inherited), ...environment(folder, settings) }
}

/** The file that npm links as the command of this name, in a checkout; its first line says how it runs. */
export function executable(program: Program, root = ROOT): string {
  return join(root, 'bin', `${program}.js`)
}

/** A process that this one has started, and what it has printed so far. */
export class RunningProcess {
  readonly process: ChildProcess
  output = ''
  /** The part of it that went to stderr. */
  errors = ''

  constructor(command: string, args: string[], options: SpawnOptions) {
    this.process = spawn(command, args, options)
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk
      })
    }
    this.process.stderr?.on('data', (chunk) => {
      this.errors += chunk
    })
  }

  get pid(): number {
    return this.process.pid as number
  }

  get hasExited(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** Waits for a line of output and returns what `pattern` captured in it. */
  async printed(pattern: RegExp): Promise<string> {
    const match = () => pattern.exec(this.output)
    await waitFor(() => match() !== null || this.hasExited, `output like ${pattern}`)
    const found = match()
    if (found === null) throw new Error(`exited without printing ${pattern}:\n${this.output}`)
    return found[1] ?? found[0]
  }

  /** The exit code, once it has ended; null if a signal ended it. */
  async exit(): Promise<number | null> {
    if (!this.hasExited) await once(this.process, 'exit')
    // The pipes may still hold the last lines.
    const streams = [this.process.stdout, this.process.stderr]
    await waitFor(() => streams.every((stream) => stream?.closed), 'the end of its output')
    return this.process.exitCode
  }

  /** As an operator's Ctrl-C or systemd would. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.hasExited) this.process.kill(signal)
    return this.exit()
  }

  /** kill -9: no goodbye to anybody. */
  async kill(): Promise<void> {
    if (this.hasExited) return
    this.process.kill('SIGKILL')
    await once(this.process, 'exit')
  }
}

/** A real process of one of the two programs. */
export class RunningProgram extends RunningProcess {
  /** @param root another checkout, to run its program */
  constructor(
    program: Program,
    args: string[],
    folder: string,
    settings: Environment,
    root?: string,
  ) {
    const options = { cwd: folder, env: processEnvironment(folder, settings) }
    super(executable(program, root), args, options)
  }
}

/** The URL of a chat-api that was started in the foreground, once it takes requests. */
export function apiUrl(program: RunningProgram): Promise<string> {
  return program.printed(/Chat API running on (https?:[^\s"]+)/)
}

/** The URL of a chat-websocket that was started in the foreground, once it takes sockets. */
export async function daemonUrl(program: RunningProgram): Promise<string> {
  const port = await program.printed(/Chat WebSocket Server running on port (\d+)/)
  await program.printed(/Direct broadcast via/)
  return `ws://127.0.0.1:${port}`
}
