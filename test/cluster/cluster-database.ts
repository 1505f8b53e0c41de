import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import type { SharedStorage } from '../faults/shared-fault.ts'
import { readShared } from '../faults/shared-stored.ts'
import type { Stored } from '../faults/stored.ts'
import type { Environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'
import { Galera, type GaleraNode } from './galera.ts'
import { Haproxy } from './haproxy.ts'

const DATABASE = 'chat'
const USER = 'chat'
const RIGHTS = 'SELECT, INSERT, UPDATE, DELETE, CREATE, TRIGGER'
/** Everything that is replicated; rate_limits is not. */
const TABLES = [
  'users',
  'conversations',
  'messages',
  'pending_events',
  'event_shards',
  'user_blocks',
]

/** A node that was away fetches what it has missed. */
const WHOLE_MS_MAX = 60_000

/** A Galera cluster behind HAProxy, and the service's database there. */
export class ClusterDatabase implements SharedStorage {
  readonly galera: Galera
  readonly haproxy: Haproxy
  readonly #folder: string
  readonly #onExit = () => this.#destroy()

  private constructor(galera: Galera, haproxy: Haproxy, folder: string) {
    this.galera = galera
    this.haproxy = haproxy
    this.#folder = folder
    process.once('exit', this.#onExit)
  }

  /** @param options for each server */
  static async start(options: string[] = []): Promise<ClusterDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'chat-galera-'))
    chmodSync(folder, 0o755)
    const galera = await Galera.start(folder, options)
    const [first] = galera.nodes as [GaleraNode]
    await first.use(async (root) => {
      await root.query(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`)
      await root.query(`CREATE USER ${USER}@'127.0.0.1', ${USER}@localhost`)
      await root.query(`GRANT ${RIGHTS} ON ${DATABASE}.* TO ${USER}@'127.0.0.1', ${USER}@localhost`)
    })
    return new ClusterDatabase(galera, await Haproxy.start(folder, galera.nodes), folder)
  }

  get port(): number {
    return this.haproxy.sqlPort
  }

  get settings(): Environment {
    return this.settingsAt(this.port)
  }

  settingsAt(port: number): Environment {
    return { CHAT_DATABASE: `mysql://${USER}@127.0.0.1:${port}/${DATABASE}` }
  }

  /** The node that HAProxy leads to at the moment. */
  async writer(): Promise<GaleraNode> {
    const port = await this.haproxy.writerPort(USER, DATABASE)
    return this.galera.nodes.find((node) => node.port === port) as GaleraNode
  }

  /** What all nodes agree upon, once each has applied what the others have. */
  async read(): Promise<Stored> {
    await waitFor(
      () => this.galera.isWhole(),
      'all nodes to have what the others have',
      WHOLE_MS_MAX,
    )
    const [first, ...others] = this.galera.nodes as [GaleraNode, ...GaleraNode[]]
    const stored = await first.use(readShared, DATABASE)
    const expected = await checksums(first)
    const differ = []
    for (const node of others) {
      const found = await checksums(node)
      if (found !== expected)
        differ.push(`${node.name} differs from ${first.name}: ${found}, not ${expected}`)
    }
    return { ...stored, problems: [...stored.problems, ...differ] }
  }

  async countByReceiver(): Promise<Map<number, number>> {
    const synced = await this.#synced()
    return synced.use(async (root) => {
      const [rows] = await root.query(
        'SELECT receiver_id AS userId, COUNT(*) AS count FROM messages GROUP BY receiver_id',
      )
      return new Map(
        (rows as { userId: number; count: number }[]).map(({ userId, count }) => [userId, count]),
      )
    }, DATABASE)
  }

  query<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return this.use(async (root) => (await root.query(sql, values))[0] as Row[])
  }

  async use<Result>(work: (root: Connection) => Promise<Result>): Promise<Result> {
    return (await this.writer()).use(work, DATABASE)
  }

  /** Leaves nothing behind, whatever state it is in. Safe to call twice. */
  async destroy(): Promise<void> {
    process.off('exit', this.#onExit)
    await this.haproxy.stop()
    await this.galera.kill()
    this.#destroy()
  }

  async #synced(): Promise<GaleraNode> {
    for (const node of this.galera.nodes) if (await node.isSynced()) return node
    throw new Error('no node is synced')
  }

  #destroy(): void {
    for (const node of this.galera.nodes) node.signal('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

async function checksums(node: GaleraNode): Promise<string> {
  return node.use(async (root) => {
    const [rows] = await root.query(`CHECKSUM TABLE ${TABLES.join(', ')}`)
    return JSON.stringify((rows as { Checksum: unknown }[]).map(({ Checksum }) => Checksum))
  }, DATABASE)
}
