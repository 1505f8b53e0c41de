import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Random } from './random.ts'

/** What may happen to a piece of data on its way, as shares of all pieces. */
export interface Weather {
  /** The connection breaks off before it. */
  cut: number
  /** Half of it comes through; then the connection breaks off. */
  halved: number
  /** It takes its time, up to delayMsMax. */
  delayed: number
  delayMsMax: number
}

/** A bad network between clients and a server. */
export class NetworkProxy {
  readonly #server: Server
  readonly #targetPort: number
  readonly #random: Random
  readonly #weather: Weather
  readonly #sockets = new Set<Socket>()
  #isSilent = false

  private constructor(targetUrl: string, weather: Weather, random: Random) {
    this.#targetPort = Number(new URL(targetUrl).port)
    this.#weather = weather
    this.#random = random
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#carry(client))
  }

  static async open(targetUrl: string, weather: Weather, random: Random): Promise<NetworkProxy> {
    const proxy = new NetworkProxy(targetUrl, weather, random)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Cuts every connection, in the middle of whatever it carries. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * From now on nothing comes through and nobody hears that anybody has left, as when a phone drives
   * into a tunnel: each side takes the other for alive.
   */
  fallSilent(): void {
    this.#isSilent = true
  }

  async close(): Promise<void> {
    this.#isSilent = false
    this.#server.close()
    this.cutAll()
    await once(this.#server, 'close')
  }

  #carry(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true })
    this.#lead(client, server)
    this.#lead(server, client)
  }

  #lead(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('error', () => {})
    from.on('data', (piece) => this.#pass(piece, from, to))
    from.on('end', () => !this.#isSilent && to.end())
    from.on('close', () => {
      this.#sockets.delete(from)
      if (!this.#isSilent) to.destroy()
    })
  }

  #pass(piece: Buffer, from: Socket, to: Socket): void {
    const { cut, halved, delayed, delayMsMax } = this.#weather
    const fate = this.#random.next()
    if (this.#isSilent) return
    if (fate < cut) {
      // At once on both sides: what this side has read already must not follow after the gap.
      from.destroy()
      to.destroy()
    } else if (fate < cut + halved) {
      to.end(piece.subarray(0, piece.length / 2), () => from.destroy())
      from.pause()
    } else if (fate < cut + halved + delayed) {
      from.pause()
      setTimeout(() => to.write(piece, () => from.resume()), this.#random.next() * delayMsMax)
    } else {
      to.write(piece)
    }
  }
}
