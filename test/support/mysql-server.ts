import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { createServer } from 'mysql2'
import { onTestFinished } from 'vitest'

/** The server's side of a connection, which mysql2 has no types for. */
interface ServerConnection {
  serverHandshake(parameters: object): void
  /** Of the next packet. */
  sequenceId: number
  on(event: 'query' | 'stmt_prepare' | 'error', listener: (sql: string) => void): void
  writeTextResult(rows: object[], columns: object[]): void
  writeOk(): void
}

const TEXT_COLUMN = { catalog: 'def', schema: '', table: '', orgTable: '', characterSet: 33 }
const VARCHAR = 253

/** A server that speaks the protocol, says of itself what a test wants, and does nothing. */
export async function openMysqlServer(says: {
  version: string
  isReadOnly: string | number
}): Promise<number> {
  const columns = Object.keys(says).map((name) => column(name))
  const server = createServer((connection) => {
    const client = connection as unknown as ServerConnection
    client.serverHandshake({
      protocolVersion: 10,
      serverVersion: says.version,
      connectionId: 1,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xff_f7_ff,
      authCallback: (_: unknown, letIn: (error: null) => void) => {
        letIn(null)
        client.sequenceId = 0
      },
    })
    client.on('error', () => {})
    const answer = (sql: string) => {
      client.sequenceId = 1
      if (sql.includes('VERSION()')) client.writeTextResult([says], columns)
      else client.writeOk()
      client.sequenceId = 0
    }
    // A statement that begins with SET is taken for one that is prepared.
    client.on('query', answer)
    client.on('stmt_prepare', answer)
  })
  return listen((server as unknown as { _server: Server })._server)
}

/** A server that accepts connections and says nothing at all, as one that is frozen. */
export function openSilentServer(): Promise<number> {
  return listen(createTcpServer(() => {}))
}

function column(name: string): object {
  const numbers = { columnLength: 1_020, columnType: VARCHAR, type: VARCHAR, flags: 0, decimals: 0 }
  return { ...TEXT_COLUMN, ...numbers, name, orgName: name }
}

/** Returns its port. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
