import { WebSocket } from 'ws'
import type { Frame } from './clients.ts'

/**
 * A client as one would write it who has read about reconnecting: it keeps the id of the last message
 * that it was told, and says so when it comes back.
 */
export class Device {
  readonly userId: number
  /** The ids of all messages it was told, in the order in which they came. */
  readonly messageIds: number[] = []
  /** What each chat:connected said of `recovered`. */
  readonly recovered: (boolean | undefined)[] = []
  lastMessageId = 0
  #socket: WebSocket | undefined

  constructor(userId: number) {
    this.userId = userId
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Resolves when chat:connected is here; rejects when the daemon is not. */
  async connect(daemonUrl: string): Promise<void> {
    this.disconnect()
    const socket = new WebSocket(`${daemonUrl}/?${this.query()}`)
    this.#socket = socket
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      socket.on('message', (data) => {
        // What still comes over a socket that was given up belongs to nobody.
        if (socket !== this.#socket) return
        const frame = JSON.parse(String(data))
        this.told(frame)
        if (frame.event === 'chat:connected') resolve()
      })
    })
  }

  /** Resolves when it is not connected any more, whoever hung up. */
  async whenDisconnected(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return
    await new Promise((resolve) => socket.once('close', resolve))
  }

  /** As a phone that loses its network: without a word. */
  disconnect(): void {
    this.#socket?.terminate()
    this.#socket = undefined
  }

  /** Says that everything up to the last message is read. */
  read(): void {
    const data = { message_id: this.lastMessageId }
    this.#socket?.send(JSON.stringify({ event: 'chat:read', data }))
  }

  protected query(): string {
    return `user_id=${this.userId}&last_message_id=${this.lastMessageId}`
  }

  protected told({ event, data }: Frame): void {
    if (event === 'chat:connected') this.recovered.push(data.recovered)
    if (event !== 'chat:message') return
    this.messageIds.push(data.message_id)
    this.lastMessageId = data.message_id
  }
}
