import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createConnection as connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createConnection } from 'mysql2/promise'
import type { Member } from '../faults/member.ts'
import type { Addresses } from '../faults/receiver.ts'
import type { Service } from '../faults/service.ts'
import { findProgram } from '../support/mariadb.ts'
import { freePort } from '../support/network.ts'
import { RunningProcess } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'
import type { GaleraNode } from './galera.ts'

/** As the README has it. */
const CONFIGURATION = new URL('../../bin/cluster/haproxy.cfg', import.meta.url)
const READINESS_CHECK = fileURLToPath(new URL('../../bin/cluster/ready', import.meta.url))
/** What the servers of the file are called. */
const SERVERS: Partial<Record<Member, string>> = {
  'chat-api': 'api/api1',
  'chat-api-2': 'api/api2',
  'chat-websocket': 'sockets/ws1',
  'chat-websocket-2': 'sockets/ws2',
  'chat-websocket-3': 'sockets/ws3',
}

/** Why no HAProxy can be started here; undefined if one can. */
export function whyNoHaproxy(): string | undefined {
  try {
    for (const program of ['haproxy', 'socat']) findProgram(program)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

interface Ports {
  sql: number
  api: number
  sockets: number
}

/** HAProxy with the configuration of bin/cluster, in front of the nodes and of a service. */
export class Haproxy {
  readonly #ports: Ports
  readonly #adminSocket: string
  readonly #processes: RunningProcess[]

  private constructor(ports: Ports, adminSocket: string, processes: RunningProcess[]) {
    this.#ports = ports
    this.#adminSocket = adminSocket
    this.#processes = processes
  }

  static async start(folder: string, nodes: GaleraNode[]): Promise<Haproxy> {
    const checkPorts = await Promise.all(nodes.map(() => freePort()))
    const checks = nodes.map((node, index) => serveReadiness(node, checkPorts[index] as number))
    const ports = { sql: await freePort(), api: await freePort(), sockets: await freePort() }
    const adminSocket = join(folder, 'admin.sock')
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(adminSocket, ports, nodes, checkPorts))
    const running = new RunningProcess(findProgram('haproxy'), ['-f', file, '-db'], { cwd: folder })
    const haproxy = new Haproxy(ports, adminSocket, [running, ...checks])
    const isUp = async () => (await haproxy.#isUp('sql/n1')) || running.hasExited
    await waitFor(isUp, 'HAProxy to find the first node')
    if (running.hasExited) throw new Error(`HAProxy has ended: ${running.output}`)
    return haproxy
  }

  /** Where it leads to the node that takes the writes. */
  get sqlPort(): number {
    return this.#ports.sql
  }

  /** Leads to the processes of a service from now on; resolves with where clients find them. */
  async leadTo(service: Service): Promise<Addresses> {
    for (const member of service.members) {
      const { port } = new URL(service.urlOf(member))
      await this.#command(`set server ${serverOf(member)} addr 127.0.0.1 port ${port}`)
    }
    for (const member of service.members) await this.#found(member)
    const { api, sockets } = this.#ports
    return {
      apiUrls: [`http://127.0.0.1:${api}`],
      daemonUrls: [`ws://127.0.0.1:${sockets}`],
    }
  }

  /** Gives a process no new requests and sockets. */
  async drain(member: Member): Promise<void> {
    await this.#command(`set server ${serverOf(member)} state drain`)
  }

  /** Ends `drain`; resolves when the process has passed its checks. */
  async ready(member: Member): Promise<void> {
    await this.#command(`set server ${serverOf(member)} state ready`)
    await this.#found(member)
  }

  /** The port of the node that a connection is led to at the moment. */
  async writerPort(user: string, database: string): Promise<number> {
    const { sql: port } = this.#ports
    const connection = await createConnection({ host: '127.0.0.1', port, user, database })
    try {
      const [rows] = await connection.query('SELECT @@port AS port')
      return (rows as { port: number }[])[0]?.port ?? 0
    } finally {
      connection.destroy()
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()))
  }

  #found(member: Member): Promise<void> {
    return waitFor(() => this.#isUp(serverOf(member)), `HAProxy to find ${member}`)
  }

  async #isUp(server: string): Promise<boolean> {
    const states = await this.#command('show stat').catch(() => '')
    const found = states.split('\n').find((line) => line.startsWith(`${server.replace('/', ',')},`))
    const cells = found?.split(',') ?? []
    return cells.includes('UP') && cells.includes('L7OK')
  }

  async #command(command: string): Promise<string> {
    const socket = connect(this.#adminSocket)
    await once(socket, 'connect')
    socket.write(`${command}\n`)
    return text(socket)
  }
}

function serverOf(member: Member): string {
  return SERVERS[member] as string
}

function serveReadiness(node: GaleraNode, port: number): RunningProcess {
  const client = `--no-defaults --socket=${node.socket} --user=root`
  const listening = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`
  const args = [listening, `EXEC:${READINESS_CHECK} ${client}`]
  return new RunningProcess(findProgram('socat'), args, { cwd: '/' })
}

/** The file with other addresses; those of the service come later. */
function configuration(
  adminSocket: string,
  { sql, api, sockets }: Ports,
  nodes: GaleraNode[],
  checkPorts: number[],
): string {
  const replacements: [RegExp, string][] = [
    [/\/run\/haproxy\/admin\.sock/, adminSocket],
    [/bind :3306/, `bind 127.0.0.1:${sql}`],
    [/bind :8080/, `bind 127.0.0.1:${api}`],
    [/bind :8089/, `bind 127.0.0.1:${sockets}`],
    ...nodes.map(({ port }, index): [RegExp, string] => [
      new RegExp(`10\\.0\\.1\\.${index + 1}:3306 port 9311`),
      `127.0.0.1:${port} port ${checkPorts[index]}`,
    ]),
    [/10\.0\.0\.\d:(8080|8089)/g, '127.0.0.1:1'],
  ]
  let file = readFileSync(CONFIGURATION, 'utf8')
  for (const [pattern, replacement] of replacements) {
    if (file.search(pattern) === -1) throw new Error(`${CONFIGURATION} has no ${pattern}`)
    file = file.replace(pattern, replacement)
  }
  return file
}
