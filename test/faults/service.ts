import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskStore } from '../../src/media/disk.ts'
import type { MediaStore } from '../../src/media/media-store.ts'
import { freePort } from '../support/network.ts'
import {
  apiUrl,
  daemonUrl,
  type Environment,
  environment,
  type Program,
  RunningProgram,
} from '../support/running-program.ts'
import { type Bucket, openBucketIn, openStore } from '../support/s3/bucket.ts'
import { waitFor } from '../support/wait.ts'
import { type Asked, ask, readMetric } from './ask.ts'
import type { Fault } from './fault.ts'
import { httpUrl, type Member, portSettings, programOf } from './member.ts'
import type { Random } from './random.ts'
import { SmallDisk } from './small-disk.ts'
import { SqliteStorage, type Storage } from './stored.ts'

/** What the service stands on. */
export interface Housing extends Pick<Fault, 'settings' | 'diskBytes' | 'hasBucket'> {
  /** Undefined for an SQLite file, which takes one process of each program. */
  database?: Storage | undefined
  members?: Member[]
}

/** What the service said of itself, in order: lines of the log, answers of /health, of `status`. */
export interface Said {
  log: string[]
  /** The log of each process that ever ran. */
  logs: string[][]
  health: string[]
  status: string[]
}

/**
 * The service under test: real processes on one folder, and on the same ports whenever they come
 * back, so that clients find them again.
 */
export class Service {
  readonly folder: string
  /** Where media is kept, if not in the uploads folder. */
  readonly bucket: Bucket | undefined
  readonly storage: Storage
  /** Of each process. */
  readonly #settings = new Map<Member, Environment>()
  readonly #runs: RunningProgram[] = []
  readonly #running = new Map<Member, RunningProgram>()
  readonly #health: string[] = []
  readonly #status: string[] = []
  readonly #onExit = () => this.#destroy()
  readonly #disk: SmallDisk | undefined

  private constructor(
    { settings, diskBytes, database }: Housing,
    ports: Map<Member, number>,
    folder: string,
    bucket: Bucket | undefined,
  ) {
    this.folder = folder
    this.bucket = bucket
    if (diskBytes !== undefined) this.#disk = new SmallDisk(this.folder, diskBytes)
    for (const member of ports.keys()) {
      this.#settings.set(member, {
        CHAT_PID_DIR: join(this.folder, member),
        ...portSettings(member, ports),
        ...database?.settings,
        ...bucket?.settings,
        ...settings?.(this.folder, member),
      })
    }
    this.storage = database ?? new SqliteStorage(this.databasePath)
    process.once('exit', this.#onExit)
  }

  /** Resolves when all processes serve. */
  static async start(random: Random, housing: Housing = {}): Promise<Service> {
    const ports = new Map<Member, number>()
    for (const member of housing.members ?? (['chat-api', 'chat-websocket'] as const)) {
      ports.set(member, await freePort(() => random.next()))
    }
    const folder = mkdtempSync(join(tmpdir(), 'chat-fault-'))
    const bucket = housing.hasBucket ? await openBucketIn(join(folder, 'bucket')) : undefined
    const service = new Service(housing, ports, folder, bucket)
    await Promise.all(service.members.map((member) => service.start(member)))
    return service
  }

  /** All that there are, whether they run or not. */
  get members(): Member[] {
    return [...this.#settings.keys()]
  }

  get running(): Member[] {
    return [...this.#running.keys()]
  }

  get apis(): Member[] {
    return this.members.filter((member) => programOf(member) === 'chat-api')
  }

  get daemons(): Member[] {
    return this.members.filter((member) => programOf(member) === 'chat-websocket')
  }

  /** Of the first API. */
  get apiUrl(): string {
    return this.urlOf('chat-api')
  }

  /** Of the first daemon. */
  get daemonUrl(): string {
    return this.urlOf('chat-websocket')
  }

  get databasePath(): string {
    return this.#environment.CHAT_DATABASE as string
  }

  get uploadsFolder(): string {
    return this.#environment.CHAT_UPLOADS_DIR as string
  }

  /** Where the files of messages are, by their paths. */
  get mediaFolder(): string {
    return this.bucket === undefined ? this.uploadsFolder : join(this.folder, 'bucket')
  }

  /** As the service has it. */
  get mediaStore(): MediaStore {
    return this.bucket ? openStore(this.bucket).store : new DiskStore(this.uploadsFolder)
  }

  get said(): Said {
    const logs = this.#runs.map(({ output }) => output.split('\n'))
    return { log: logs.flat(), logs, health: this.#health, status: this.#status }
  }

  /** Processes that have ended though nobody asked them to. */
  get deaths(): string[] {
    const dead = [...this.#running].filter(([, { hasExited }]) => hasExited)
    return dead.map(([member, { output }]) => `${member} died: ${output.slice(-500)}`)
  }

  /** Where clients find a process: http://… for an API, ws://… for a daemon. */
  urlOf(member: Member): string {
    const { CHAT_API_PORT, CHAT_WS_PORT } = this.#settingsOf(member)
    const isApi = programOf(member) === 'chat-api'
    return isApi ? `http://127.0.0.1:${CHAT_API_PORT}` : `ws://127.0.0.1:${CHAT_WS_PORT}`
  }

  /** Starts a process that does not run; resolves when it serves. */
  async start(member: Member): Promise<void> {
    const program = programOf(member)
    const running = new RunningProgram(program, ['start'], this.folder, this.#settingsOf(member))
    this.#runs.push(running)
    this.#running.set(member, running)
    await (program === 'chat-api' ? apiUrl(running) : daemonUrl(running))
  }

  /** Adds to the settings of a process, for its next start. */
  configure(member: Member, settings: Environment): void {
    Object.assign(this.#settingsOf(member), settings)
  }

  pid(member: Member): number {
    return this.#of(member).pid
  }

  /** Starts one more of a program that runs already, on another port; resolves when it has ended. */
  async startSecond(program: Program): Promise<{ code: number | null; output: string }> {
    const settings = { ...this.#settingsOf(program), CHAT_API_PORT: '0', CHAT_WS_PORT: '0' }
    const second = new RunningProgram(program, ['start'], this.folder, settings)
    this.#runs.push(second)
    await waitFor(() => second.hasExited, 'the second one to end')
    return { code: await second.exit(), output: second.output }
  }

  /** kill -9. */
  async kill(member: Member): Promise<void> {
    const running = this.#of(member)
    this.#running.delete(member)
    await running.kill()
  }

  /** Stops one as an operator would, and waits until it has ended. */
  async terminate(member: Member): Promise<void> {
    const running = this.#of(member)
    this.#running.delete(member)
    const code = await running.stop()
    if (code !== 0) throw new Error(`${member} did not stop well: exit code ${code}`)
  }

  /** Stops what runs, as an operator would; resolves with what was not as it should be. */
  async stop(): Promise<string[]> {
    const running = [...this.#running]
    this.#running.clear()
    const stops = running.map(async ([member, process]) => {
      const code = await process.stop()
      return code === 0 ? [] : [`${member} did not stop well: exit code ${code}`]
    })
    return (await Promise.all(stops)).flat()
  }

  /** Whether all that run say of themselves, and the APIs of the daemons, that they are well. */
  async isHealthy(): Promise<boolean> {
    const { running } = this
    const healths = await Promise.all(running.map((member) => this.#askHealth(member)))
    return healths.every(({ status, text }, index) => {
      const isApi = programOf(running[index] as Member) === 'chat-api'
      return status === 200 && (!isApi || text.includes('"daemon":"running"'))
    })
  }

  /** A figure of its /metrics. */
  metric(member: Member, name: string): Promise<number> {
    return readMetric(httpUrl(this.urlOf(member)), name)
  }

  /** Runs `status --json`. */
  async status(member: Member): Promise<string> {
    const args = ['status', '--json']
    const settings = this.#settingsOf(member)
    const command = new RunningProgram(programOf(member), args, this.folder, settings)
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

  get #environment(): Environment {
    return environment(this.folder, this.#settingsOf('chat-api'))
  }

  #settingsOf(member: Member): Environment {
    const settings = this.#settings.get(member)
    if (settings === undefined) throw new Error(`There is no ${member}`)
    return settings
  }

  #of(member: Member): RunningProgram {
    const running = this.#running.get(member)
    if (running === undefined) throw new Error(`${member} does not run`)
    return running
  }

  async #askHealth(member: Member): Promise<Asked> {
    const answer = await ask(`${httpUrl(this.urlOf(member))}/health`)
    this.#health.push(`${answer.status} ${answer.text}`)
    return answer
  }

  #destroy(): void {
    for (const { process } of this.#runs) process.kill('SIGKILL')
    this.bucket?.close()
    this.#disk?.unmount()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
