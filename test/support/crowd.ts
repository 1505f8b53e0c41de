import { randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { type Socket, connect as tcpConnect } from 'node:net'

/** Handshakes under way at once: a kernel's queue of new connections has a few hundred places. */
const HANDSHAKES_MAX = 250
const HELLO = '"event":"chat:connected"'

/**
 * Thousands of clients at once, one for each user, as cheap as clients can be: plain TCP sockets that
 * shake hands as browsers do, answer pings, and otherwise take whatever comes without looking into it.
 */
export class Crowd {
  readonly #url: URL
  readonly #members: Member[] = []

  constructor(daemonUrl: string) {
    this.#url = new URL(daemonUrl)
  }

  /** How many members the daemon has hung up on. */
  get lostCount(): number {
    return this.#members.filter((member) => member.socket.readableEnded).length
  }

  /** How often a text stands in what all members have got; of each, the first 16 KB count. */
  count(text: string): number {
    return this.#members.reduce((sum, member) => sum + member.text.split(text).length - 1, 0)
  }

  /** Resolves when chat:connected has reached each of `count` users from `firstUserId` on. */
  async join(firstUserId: number, count: number): Promise<void> {
    const userIds = Array.from({ length: count }, (_, index) => firstUserId + index)
    const joinOneByOne = async () => {
      for (let userId = userIds.shift(); userId !== undefined; userId = userIds.shift()) {
        const member = new Member(this.#url, userId)
        this.#members.push(member)
        await once(member, 'hello')
      }
    }
    await Promise.all(Array.from({ length: HANDSHAKES_MAX }, joinOneByOne))
  }

  /** Everybody hangs up; resolves when the last has. */
  async leave(): Promise<void> {
    const members = this.#members.splice(0)
    await Promise.all(members.map((member) => member.leave()))
  }
}

const KEPT_BYTES_MAX = 16 * 1024
/** An empty ping frame; no text has these bytes in it. */
const PING = Buffer.from([0x89, 0x00])
/** An empty pong frame, masked as a client's frames have to be. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

class Member extends EventEmitter {
  readonly socket: Socket
  text = ''

  constructor(url: URL, userId: number) {
    super()
    this.socket = tcpConnect(Number(url.port), url.hostname)
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      const isWaitedFor = this.listenerCount('hello') > 0
      if (isWaitedFor) this.emit('error', new Error(`closed before chat:connected: ${this.text}`))
    })
    this.socket.on('data', (chunk) => {
      if (chunk.includes(PING)) this.socket.write(PONG)
      if (this.text.length > KEPT_BYTES_MAX) return
      this.text += chunk.toString('latin1')
      if (this.text.includes(HELLO)) this.emit('hello')
    })
    this.socket.write(
      `GET /?user_id=${userId} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
  }

  async leave(): Promise<void> {
    if (this.socket.closed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }
}
