import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/network.ts'
import {
  apiUrl,
  daemonUrl,
  type Environment,
  environment,
  type Program,
  RunningProgram,
} from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'
import type { Fault } from './fault.ts'
import type { Random } from './random.ts'
import { SmallDisk } from './small-disk.ts'

const HEALTH_TIMEOUT_MS = 2_000

/** What the service stands on. */
export type Housing = Pick<Fault, 'settings' | 'diskBytes'>

/** What the service said of itself, in order: lines of the log, answers of /health, of `status`. */
export interface Said {
  log: string[]
  /** The log of each process that ever ran. */
  logs: string[][]
  health: string[]
  status: string[]
}

/**
 * The service under test: both real processes on one folder, and on the same two ports whenever they
 * come back, so that clients find them again.
 */
export class Service {
  readonly folder = mkdtempSync(join(tmpdir(), 'chat-fault-'))
  readonly settings: Environment
  readonly apiUrl: string
  readonly daemonUrl: string
  readonly #runs: RunningProgram[] = []
  readonly #running = new Map<Program, RunningProgram>()
  readonly #health: string[] = []
  readonly #status: string[] = []
  readonly #onExit = () => this.#destroy()
  readonly #disk: SmallDisk | undefined

  private constructor({ settings, diskBytes }: Housing, ports: { api: number; daemon: number }) {
    const fixed = {
      CHAT_API_PORT: String(ports.api),
      CHAT_WS_PORT: String(ports.daemon),
    }
    if (diskBytes !== undefined) this.#disk = new SmallDisk(this.folder, diskBytes)
    this.settings = { ...fixed, ...settings?.(this.folder) }
    this.apiUrl = `http://127.0.0.1:${ports.api}`
    this.daemonUrl = `ws://127.0.0.1:${ports.daemon}`
    process.once('exit', this.#onExit)
  }

  /** Resolves when both processes serve. */
  static async start(random: Random, housing: Housing = {}): Promise<Service> {
    const chance = () => random.next()
    const ports = { api: await freePort(chance), daemon: await freePort(chance) }
    const service = new Service(housing, ports)
    await Promise.all([service.start('chat-api'), service.start('chat-websocket')])
    return service
  }

  get databasePath(): string {
    return environment(this.folder, this.settings).CHAT_DATABASE as string
  }

  get uploadsFolder(): string {
    return environment(this.folder, this.settings).CHAT_UPLOADS_DIR as string
  }

  get said(): Said {
    const logs = this.#runs.map(({ output }) => output.split('\n'))
    return { log: logs.flat(), logs, health: this.#health, status: this.#status }
  }

  /** Programs that have ended though nobody asked them to. */
  get deaths(): string[] {
    const dead = [...this.#running].filter(([, { hasExited }]) => hasExited)
    return dead.map(([program, { output }]) => `${program} died: ${output.slice(-500)}`)
  }

  /** Starts a program that does not run; resolves when it serves. */
  async start(program: Program): Promise<void> {
    const running = new RunningProgram(program, ['start'], this.folder, this.settings)
    this.#runs.push(running)
    this.#running.set(program, running)
    await (program === 'chat-api' ? apiUrl(running) : daemonUrl(running))
  }

  pid(program: Program): number {
    return this.#of(program).pid
  }

  /** Starts one more of a program that runs already, on another port; resolves when it has ended. */
  async startSecond(program: Program): Promise<{ code: number | null; output: string }> {
    const settings = { ...this.settings, CHAT_API_PORT: '0', CHAT_WS_PORT: '0' }
    const second = new RunningProgram(program, ['start'], this.folder, settings)
    this.#runs.push(second)
    await waitFor(() => second.hasExited, 'the second one to end')
    return { code: await second.exit(), output: second.output }
  }

  /** kill -9. */
  async kill(program: Program): Promise<void> {
    const running = this.#of(program)
    this.#running.delete(program)
    await running.kill()
  }

  /** Stops one as an operator would, and waits until it has ended. */
  async terminate(program: Program): Promise<void> {
    const running = this.#of(program)
    this.#running.delete(program)
    const code = await running.stop()
    if (code !== 0) throw new Error(`${program} did not stop well: exit code ${code}`)
  }

  /** Stops what runs, as an operator would; resolves with what was not as it should be. */
  async stop(): Promise<string[]> {
    const running = [...this.#running]
    this.#running.clear()
    const stops = running.map(async ([program, process]) => {
      const code = await process.stop()
      return code === 0 ? [] : [`${program} did not stop well: exit code ${code}`]
    })
    return (await Promise.all(stops)).flat()
  }

  /** Whether both say of themselves, and the API of the daemon, that they are well. */
  async isHealthy(): Promise<boolean> {
    const healths = [this.#askHealth(this.apiUrl), this.#askHealth(this.daemonHttpUrl)]
    const [api, daemon] = await Promise.all(healths)
    return api?.status === 200 && daemon?.status === 200 && api.text.includes('"daemon":"running"')
  }

  /** How many sockets the daemon takes for open. */
  socketCount(): Promise<number> {
    return readMetric(this.daemonHttpUrl, 'chat_connections')
  }

  /** How many writes the API has had to try again so far. */
  retriedCount(): Promise<number> {
    return readMetric(this.apiUrl, 'chat_write_retries_total')
  }

  /** Runs `status --json`. */
  async status(program: Program): Promise<string> {
    const command = new RunningProgram(program, ['status', '--json'], this.folder, this.settings)
    await command.exit()
    this.#status.push(command.output.trim())
    return command.output
  }

  /** Leaves nothing behind, whatever state it is in. Safe to call twice. */
  async destroy(): Promise<void> {
    process.off('exit', this.#onExit)
    await Promise.all(this.#runs.map((run) => run.kill()))
    this.#destroy()
  }

  get daemonHttpUrl(): string {
    return this.daemonUrl.replace('ws:', 'http:')
  }

  #of(program: Program): RunningProgram {
    const running = this.#running.get(program)
    if (running === undefined) throw new Error(`${program} does not run`)
    return running
  }

  async #askHealth(url: string): Promise<{ status: number; text: string }> {
    const answer = await ask(`${url}/health`)
    this.#health.push(`${answer.status} ${answer.text}`)
    return answer
  }

  #destroy(): void {
    for (const { process } of this.#runs) process.kill('SIGKILL')
    this.#disk?.unmount()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** NaN where it is not there. */
async function readMetric(url: string, name: string): Promise<number> {
  const { text } = await ask(`${url}/metrics`)
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1])
}

/** Status 0 stands for no answer. */
async function ask(url: string): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    return { status: 0, text: String(error) }
  }
}
