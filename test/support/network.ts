import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/**
 * Below the ports that systems give to outgoing connections: a client that knocks at a closed port
 * among those can be given that very port, and then a server cannot have it back.
 */
const PORT_MIN = 10_000
const PORT_MAX = 30_000

/**
 * A port of this machine that nobody listens on, for a program that has to be told one.
 *
 * @param random from 0 up to 1, as Math.random
 */
export async function freePort(random: () => number = Math.random): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(random() * (PORT_MAX - PORT_MIN))
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** A program beside the chat, on a port of its own. */
export interface WebServer {
  url: string
  close(): void
}

export async function openWebServer(listener: RequestListener): Promise<WebServer> {
  const server = createHttpServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** A network cable between clients and a server, which a test can pull out and plug in again. */
export class Cable {
  readonly url: string
  /** Where it leads; to be set before the first client comes. */
  targetPort = 0
  readonly #sockets = new Set<Socket>()
  #isPulled = false

  private constructor(url: string) {
    this.url = url
  }

  static async lay(): Promise<Cable> {
    const server = createServer((client) => cable.#carry(client))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const cable = new Cable(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      cable.pull()
      server.close()
    })
    return cable
  }

  /** Cuts every connection; new ones are cut at once, until `plugIn`. */
  pull(): void {
    this.#isPulled = true
    for (const socket of this.#sockets) socket.destroy()
  }

  plugIn(): void {
    this.#isPulled = false
  }

  #carry(client: Socket): void {
    if (this.#isPulled) {
      client.destroy()
      return
    }
    const server = connect(this.targetPort, '127.0.0.1')
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
}
