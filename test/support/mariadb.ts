import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort } from './network.ts'
import { RunningProcess } from './running-program.ts'

/** Where a name is looked for: daemons are not in everybody's PATH. */
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']

/** Enough for what tests store, and quick to start. */
const SMALL = ['--innodb-buffer-pool-size=64M', '--innodb-log-file-size=32M']

/** @throws Error that says in one line what is not installed */
export function findProgram(name: string, pattern = new RegExp(`^${name}$`)): string {
  for (const folder of FOLDERS) {
    const file = filesIn(folder).find((candidate) => pattern.test(candidate))
    if (file !== undefined) return join(folder, file)
  }
  throw new Error(`${name} is not installed`)
}

/** Why no MariaDB can be started here; undefined if one can. */
export function whyNoMariadb(): string | undefined {
  try {
    findProgram('mariadbd')
    findProgram('mariadb-install-db')
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A MariaDB of the test's own, in `folder`, on a free port of this machine; root has no password. */
export class Mariadb {
  readonly folder: string
  readonly port: number
  readonly #options: string[]
  #server: RunningProcess | undefined

  private constructor(folder: string, port: number, options: string[]) {
    this.folder = folder
    this.port = port
    this.#options = options
  }

  /** Creates its data and starts it. @param options of every start that names no others */
  static async start(folder: string, options: string[] = []): Promise<Mariadb> {
    const mariadb = new Mariadb(folder, await freePort(), options)
    const access = ['--auth-root-authentication-method=normal', '--skip-test-db']
    const install = findProgram('mariadb-install-db')
    const { status, stdout, stderr } = spawnSync(install, [...mariadb.#data(), ...access], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${install} failed: ${stdout}${stderr}`)
    await mariadb.restart()
    return mariadb
  }

  /** The path of its Unix socket. */
  get socket(): string {
    return join(this.folder, 'mariadb.sock')
  }

  get pid(): number {
    return this.#server?.pid as number
  }

  /** The value of CHAT_DATABASE for a database of this server. */
  url(database: string, user = 'root'): string {
    return `mysql://${user}@127.0.0.1:${this.port}/${database}`
  }

  /** Starts the server on its data and port, after `kill` or `stop`. */
  async restart(options = this.#options): Promise<void> {
    const network = [
      '--bind-address=127.0.0.1',
      `--port=${this.port}`,
      '--default-time-zone=+00:00',
    ]
    const args = [...this.#data(), `--socket=${this.socket}`, ...network, ...SMALL, ...options]
    this.#server = new RunningProcess(findProgram('mariadbd'), args, { cwd: this.folder })
    await this.#server.printed(/ready for connections/)
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#server?.kill()
  }

  /** Freezes the process (SIGSTOP), or lets it go on (SIGCONT). */
  signal(signal: NodeJS.Signals): void {
    this.#server?.process.kill(signal)
  }

  #data(): string[] {
    return [
      '--no-defaults',
      `--datadir=${join(this.folder, 'mariadb')}`,
      // Those of several servers have the same names.
      `--tmpdir=${this.folder}`,
      `--user=${userInfo().username}`,
      // The kernel has room for the queues of a few servers only.
      '--innodb-use-native-aio=0',
    ]
  }
}

/** Creates a database of the server on this port, if it is not there; returns its CHAT_DATABASE. */
export function createDatabase(port: number, name: string): string {
  const sql = `CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4`
  const server = ['--no-defaults', '--protocol=tcp', '--host=127.0.0.1', `--port=${port}`]
  const client = findProgram('mariadb')
  const { status, stderr } = spawnSync(client, [...server, '--user=root', `--execute=${sql}`])
  if (status !== 0) throw new Error(`${client} failed: ${stderr}`)
  return `mysql://root@127.0.0.1:${port}/${name}`
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
