import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type Connection, createConnection } from 'mysql2/promise'
import { findProgram } from '../support/mariadb.ts'
import { freePort } from '../support/network.ts'
import { RunningProcess } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const NODES = 3
/** As the README has it. */
const CONFIGURATION = new URL('../../bin/cluster/galera.cnf', import.meta.url)
const LIBRARY = '/usr/lib/galera/libgalera_smm.so'
/** The package's user. Started as root, the state transfer drops to nobody, and no node joins. */
const SERVER_USER = 'mysql'
const SYNC_MS_MAX = 60_000

/** Why no cluster can be started here; undefined if one can. */
export function whyNoGalera(): string | undefined {
  try {
    for (const program of ['mariadbd', 'mariadb-install-db', 'rsync', 'lsof']) findProgram(program)
    return existsSync(LIBRARY) ? undefined : 'galera-4 is not installed'
  } catch (error) {
    return (error as Error).message
  }
}

interface Ports {
  sql: number
  group: number
  transfer: number
}

/** A MariaDB in a Galera cluster. */
export class GaleraNode {
  readonly name: string
  readonly port: number
  readonly #folder: string
  readonly #configuration: string
  #server: RunningProcess | undefined

  constructor(folder: string, index: number, ports: Ports[], options: string[]) {
    const own = ports[index] as Ports
    this.name = `n${index + 1}`
    this.port = own.sql
    this.#folder = join(folder, this.name)
    this.#configuration = join(folder, `${this.name}.cnf`)
    mkdirSync(this.#folder)
    giveToServer(this.#folder)
    writeFileSync(this.#configuration, configuration(this.#folder, this.name, own, ports, options))
  }

  /** The path of its Unix socket. */
  get socket(): string {
    return `${this.#folder}.sock`
  }

  get isRunning(): boolean {
    return this.#server !== undefined && !this.#server.hasExited
  }

  get pid(): number {
    return this.#server?.pid as number
  }

  /** What the server has printed. */
  get log(): string {
    return this.#server?.output ?? ''
  }

  install(): void {
    const install = findProgram('mariadb-install-db')
    const access = ['--auth-root-authentication-method=normal', '--skip-test-db']
    const data = [`--datadir=${this.#folder}`, ...asServerUser(), '--innodb-use-native-aio=0']
    const { status, stdout, stderr } = spawnSync(install, ['--no-defaults', ...data, ...access], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${install} failed: ${stdout}${stderr}`)
  }

  /** Starts the server; resolves when it is synced with the others. @param isFirst of a new cluster */
  async start(isFirst = false): Promise<void> {
    const args = [`--defaults-file=${this.#configuration}`, ...asServerUser()]
    if (isFirst) args.push('--wsrep-new-cluster')
    this.#server = new RunningProcess(findProgram('mariadbd'), args, { cwd: this.#folder })
    await waitFor(
      async () => this.#server?.hasExited === true || (await this.isSynced()),
      `${this.name} to be synced`,
      SYNC_MS_MAX,
    )
    if (!this.isRunning) throw new Error(`${this.name} has ended: ${this.log.slice(-2_000)}`)
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

  /** Whether it is part of the primary component, and takes writes. */
  async isSynced(): Promise<boolean> {
    const state = await this.status('wsrep_local_state_comment').catch(() => undefined)
    const isReady = await this.status('wsrep_ready').catch(() => undefined)
    return state === 'Synced' && isReady === 'ON'
  }

  /** Cuts the node off from its peers, as a network would, or joins it to them again. */
  async isolate(isIsolated: boolean): Promise<void> {
    const option = `gmcast.isolate=${isIsolated ? 1 : 0}`
    await this.use((root) => root.query('SET GLOBAL wsrep_provider_options = ?', [option]))
  }

  async status(name: string): Promise<string | undefined> {
    return this.use(async (root) => {
      const [rows] = await root.query('SHOW STATUS LIKE ?', [name])
      return (rows as { Value: string }[])[0]?.Value
    })
  }

  /** The position of the last transaction on its disk; for when all nodes are dead. */
  recoveredPosition(): number {
    const args = [`--defaults-file=${this.#configuration}`, ...asServerUser(), '--wsrep-recover']
    const { stdout, stderr } = spawnSync(findProgram('mariadbd'), args, { encoding: 'utf8' })
    const found = /Recovered position: [\w-]+:(-?\d+)/.exec(stdout + stderr)
    return Number(found?.[1] ?? -1)
  }

  /** Lets this node be the first of the cluster again. */
  allowBootstrap(): void {
    const state = join(this.#folder, 'grastate.dat')
    const text = readFileSync(state, 'utf8')
    writeFileSync(state, text.replace('safe_to_bootstrap: 0', 'safe_to_bootstrap: 1'))
  }

  /** Lends out a connection of root. */
  async use<Result>(
    work: (root: Connection) => Promise<Result>,
    database?: string,
  ): Promise<Result> {
    const options = { host: '127.0.0.1', port: this.port, user: 'root', connectTimeout: 2_000 }
    const root = await createConnection({
      ...options,
      dateStrings: true,
      decimalNumbers: true,
      ...(database === undefined ? {} : { database }),
    })
    try {
      return await work(root)
    } finally {
      root.destroy()
    }
  }
}

/** Three nodes on this machine. */
export class Galera {
  readonly nodes: GaleraNode[]

  private constructor(nodes: GaleraNode[]) {
    this.nodes = nodes
  }

  /** @param folder whose parents everybody may enter @param options for each server */
  static async start(folder: string, options: string[] = []): Promise<Galera> {
    giveToServer(folder)
    const ports: Ports[] = []
    while (ports.length < NODES) {
      ports.push({ sql: await freePort(), group: await groupPort(), transfer: await freePort() })
    }
    const nodes = ports.map((_, index) => new GaleraNode(folder, index, ports, options))
    const galera = new Galera(nodes)
    try {
      for (const [index, node] of nodes.entries()) {
        node.install()
        await node.start(index === 0)
      }
    } catch (error) {
      await galera.kill()
      throw error
    }
    return galera
  }

  /** Whether all nodes see each other, and have applied the same transactions. */
  async isWhole(): Promise<boolean> {
    const states = await Promise.all(
      this.nodes.map(async (node) => {
        if (!(await node.isSynced())) return undefined
        const size = await node.status('wsrep_cluster_size')
        return size === String(NODES) ? node.status('wsrep_last_committed') : undefined
      }),
    )
    return states[0] !== undefined && new Set(states).size === 1
  }

  /** kill -9 of all. */
  async kill(): Promise<void> {
    for (const node of this.nodes) node.signal('SIGKILL')
    await Promise.all(this.nodes.map((node) => node.kill()))
  }

  /** Starts all nodes after all of them died: the one that knows the most first. */
  async restart(): Promise<void> {
    const byPosition = this.nodes
      .map((node) => ({ node, position: node.recoveredPosition() }))
      .sort((a, b) => b.position - a.position)
    const [first, ...others] = byPosition.map(({ node }) => node) as [GaleraNode, ...GaleraNode[]]
    first.allowBootstrap()
    await first.start(true)
    for (const node of others) await node.start()
  }
}

/** Galera also takes the port above, for incremental transfers. */
async function groupPort(): Promise<number> {
  return freePort()
}

function asServerUser(): string[] {
  return userInfo().uid === 0 ? [`--user=${SERVER_USER}`] : []
}

function giveToServer(folder: string): void {
  if (userInfo().uid !== 0) return
  const { stdout } = spawnSync('id', ['-u', SERVER_USER], { encoding: 'utf8' })
  const group = spawnSync('id', ['-g', SERVER_USER], { encoding: 'utf8' }).stdout
  chownSync(folder, Number(stdout), Number(group))
}

/** The file of bin/cluster; where a setting stands twice, the last one holds. */
function configuration(
  folder: string,
  name: string,
  { sql, group, transfer }: Ports,
  all: Ports[],
  options: string[],
): string {
  const peers = all.map((ports) => `127.0.0.1:${ports.group}`).join(',')
  const provider = [
    `base_port=${group}`,
    `gmcast.listen_addr=tcp://127.0.0.1:${group}`,
    `ist.recv_addr=127.0.0.1:${group + 1}`,
    'gcache.size=64M',
    'evs.keepalive_period=PT0.5S',
    'evs.suspect_timeout=PT2S',
    'evs.inactive_timeout=PT4S',
    'evs.install_timeout=PT4S',
  ].join(';')
  return `${readFileSync(CONFIGURATION, 'utf8')}
datadir=${folder}
socket=${folder}.sock
pid-file=${folder}.pid
port=${sql}
bind-address=127.0.0.1
innodb_buffer_pool_size=64M
innodb_log_file_size=32M
innodb_use_native_aio=0
default_time_zone=+00:00
wsrep_cluster_address=gcomm://${peers}
wsrep_node_name=${name}
wsrep_node_address=127.0.0.1
wsrep_node_incoming_address=127.0.0.1:${sql}
wsrep_sst_receive_address=127.0.0.1:${transfer}
wsrep_slave_threads=2
wsrep_provider_options="${provider}"
${options.join('\n')}
`
}
