import type { Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { limits } from '../limits.ts'
import { Quota } from '../rate-limits.ts'

/**
 * Drops connections of an address that has too many which say nothing, or not enough to become a
 * socket. They count from the moment that the system accepts them, before TLS.
 */
export class HandshakeLimit {
  readonly #handshakes = new Quota(limits.handshakes)
  /** Those under way, by their far ends: TLS makes another object of a connection. */
  readonly #underWay = new Set<string>()

  watch(server: Server): void {
    const onClose = (connection: Socket) => this.done(connection)
    function connectionOnClose(this: Socket): void {
      onClose(this)
    }
    server.on('connection', (connection) => {
      if (this.#start(connection)) connection.on('close', connectionOnClose)
      else connection.destroy()
    })
  }

  /** The connection has become a socket, or is gone. */
  done(stream: Duplex | Socket): void {
    const { address, farEnd } = endOf(stream as Socket)
    if (this.#underWay.delete(farEnd)) this.#handshakes.release(address)
  }

  #start(connection: Socket): boolean {
    const { address, farEnd } = endOf(connection)
    try {
      this.#handshakes.take(address)
    } catch {
      return false
    }
    this.#underWay.add(farEnd)
    return true
  }
}

function endOf({ remoteAddress = '', remotePort = 0 }: Socket): {
  address: string
  farEnd: string
} {
  return { address: remoteAddress, farEnd: `${remoteAddress} ${remotePort}` }
}
