import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

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
