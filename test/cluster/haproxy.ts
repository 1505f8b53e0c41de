import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { findProgram } from '../support/mariadb.ts'
import { freePort } from '../support/network.ts'
import { RunningProcess } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'
import type { GaleraNode } from './galera.ts'

/** Why no HAProxy can be started here; undefined if one can. */
export function whyNoHaproxy(): string | undefined {
  try {
    findProgram('haproxy')
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * HAProxy in front of the nodes of a cluster: one is the writer, until it fails its checks; when it
 * is back, the new one stays.
 */
export class Haproxy {
  readonly port: number
  readonly #checks: Server[]
  readonly #process: RunningProcess

  private constructor(port: number, checks: Server[], process: RunningProcess) {
    this.port = port
    this.#checks = checks
    this.#process = process
  }

  static async start(folder: string, nodes: GaleraNode[]): Promise<Haproxy> {
    const port = await freePort()
    const checks = await Promise.all(nodes.map(serveReadiness))
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(port, nodes, checks.map(portOf)))
    const running = new RunningProcess(findProgram('haproxy'), ['-f', file, '-db'], { cwd: folder })
    await waitFor(() => accepts(port), 'HAProxy to accept')
    return new Haproxy(port, checks, running)
  }

  /** The port of the node that a connection is led to at the moment. */
  async writerPort(user: string, database: string): Promise<number> {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: this.port,
      user,
      database,
    })
    try {
      const [rows] = await connection.query('SELECT @@port AS port')
      return (rows as { port: number }[])[0]?.port ?? 0
    } finally {
      connection.destroy()
    }
  }

  async stop(): Promise<void> {
    await this.#process.kill()
    for (const server of this.#checks) {
      server.closeAllConnections()
      server.close()
    }
  }
}

/** The readiness check that the README shows: 200 while the node is to get writes. */
async function serveReadiness(node: GaleraNode): Promise<Server> {
  const server = createServer(async (_, response) => {
    const isReady = await isWritable(node).catch(() => false)
    response.writeHead(isReady ? 200 : 503).end()
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return server
}

async function isWritable(node: GaleraNode): Promise<boolean> {
  if (!(await node.isSynced())) return false
  return node.use(async (root) => {
    const [rows] = await root.query('SELECT @@read_only AS isReadOnly')
    return (rows as { isReadOnly: number }[])[0]?.isReadOnly === 0
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}

function configuration(port: number, nodes: GaleraNode[], checkPorts: number[]): string {
  const servers = nodes.map((node, index) => {
    const backup = index === 0 ? '' : ' backup'
    return `    server ${node.name} 127.0.0.1:${node.port} check port ${checkPorts[index]}${backup}`
  })
  return `global
    maxconn 2000

defaults
    mode tcp
    timeout connect 1s
    timeout client 1h
    timeout server 1h

listen sql
    bind 127.0.0.1:${port}
    option httpchk GET /ready
    http-check expect status 200
    # One writer: whoever comes goes where the last one went, for as long as that is up.
    stick-table type ip size 1
    stick on dst
    default-server inter 500 fall 2 rise 3 on-marked-down shutdown-sessions
${servers.join('\n')}
`
}
