import { onTestFinished } from 'vitest'
import { openApi } from '../../src/cli/open-api.ts'
import { type OpenedDaemon, openDaemon } from '../../src/cli/open-daemon.ts'
import { openStore } from '../../src/cli/open-store.ts'
import type { RunningService } from '../../src/cli/program.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLog, type Log } from '../../src/log.ts'
import type { DaemonTimes } from '../../src/websocket/daemon.ts'
import { temporaryFolder } from './folders.ts'
import { type Environment, environment } from './running-program.ts'
import { waitFor } from './wait.ts'

// The same as processes.ts has, in this process: for whatever needs no process of its own, at a
// thirtieth of the processor time.

/** A service in this process, which does not outlive its test. */
export class Service<Opened extends RunningService> {
  readonly opened: Opened
  readonly #log: { text: string }
  #stopped: Promise<void> | undefined

  private constructor(opened: Opened, log: { text: string }) {
    this.opened = opened
    this.#log = log
    onTestFinished(() => this.stop())
  }

  /** @param open given a log whose lines `output` collects */
  static async start<Opened extends RunningService>(open: (log: Log) => Promise<Opened>) {
    const collected = { text: '' }
    const log = createLog('text', (line) => {
      collected.text += line
    })
    return new Service(await open(log), collected)
  }

  get pid(): number {
    return process.pid
  }

  /** What it has logged so far. */
  get output(): string {
    return this.#log.text
  }

  /** Waits for a line of output and returns what `pattern` captured in it. */
  async printed(pattern: RegExp): Promise<string> {
    const match = () => pattern.exec(this.output)
    await waitFor(() => match() !== null, `output like ${pattern}`)
    const found = match() as RegExpExecArray
    return found[1] ?? found[0]
  }

  /** As a process stops at this signal. */
  stop(signal: 'SIGTERM' | 'SIGUSR2' = 'SIGTERM'): Promise<void> {
    this.#stopped ??= this.opened.stop(signal === 'SIGUSR2')
    return this.#stopped
  }
}

/**
 * Starts the API on the database in `folder`; resolves with it and its URL when it takes requests.
 *
 * @param pagesDir the folder of the pages, which the program does not let one choose
 */
export async function startApi(folder: string, settings: Environment = {}, pagesDir?: string) {
  const config = readConfig(environment(folder, settings))
  const program = await Service.start((log) => openApi(config, log, pagesDir))
  return { program, url: await urlOf(program) }
}

/** Starts the daemon on the database in `folder`; resolves with it and its URL when it accepts. */
export async function startDaemon(
  folder: string,
  settings: Environment = {},
  times: DaemonTimes = {},
) {
  const config = readConfig(environment(folder, settings))
  const open = (log: Log) => openDaemon(config, log, () => {}, times)
  const program = await Service.start<OpenedDaemon>(open)
  return { program, url: `ws://127.0.0.1:${program.opened.port}` }
}

/** Both, on one database. */
export async function startChat(settings: Environment = {}, folder = temporaryFolder()) {
  const [api, daemon] = await Promise.all([
    startApi(folder, settings),
    startDaemon(folder, settings),
  ])
  return { folder, api, daemon }
}

function urlOf(program: Service<RunningService>): Promise<string> {
  return program.printed(/Chat API running on (https?:[^\s"]+)/)
}

/**
 * A daemon in this process, for what takes a program too long: its chat, as a program beside it has it
 * open, and the lines of its log but for those of the start. It serves once `start` is called.
 */
export async function prepareDaemon(times: DaemonTimes = {}, settings: Environment = {}) {
  const config = readConfig(environment(temporaryFolder(), settings))
  const lines: string[] = []
  const log = { ...createLog('text', (line) => void lines.push(line)), plain: () => {} }
  const store = await openStore(config, log, { for: 'daemon' })
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
