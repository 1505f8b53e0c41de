import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { clientAddress } from '../auth.ts'
import type { Chat } from '../chat/chat.ts'
import type { PendingEvent } from '../chat/events.ts'
import type { Presence as Audience } from '../config.ts'
import type { Chore } from '../housekeeping.ts'
import type { Log } from '../log.ts'
import { processStartedAt } from '../process-identity.ts'
import { Backlog } from './backlog.ts'
import { catchUp } from './catch-up.ts'
import { handleClientFrame } from './client-events.ts'
import { CLOSE, type Close, Connection, closeSocket } from './connection.ts'
import { type Handshake, readHandshake } from './handshake.ts'
import { Hub } from './hub.ts'
import { Poller } from './poller.ts'
import { Presence } from './presence.ts'
import { Roster } from './roster.ts'

/** One inbound frame: a client says little. */
export const INBOUND_FRAME_BYTES_MAX = 64 * 1024
/** Mobile networks forget a silent connection after 30 s or more. */
const PING_INTERVAL_MS = 25_000
/** How long after a start clients may take to come back and still be told what they missed. */
const BACKLOG_MS = 30_000
/** Typing and status are news for a moment; a daemon that was down longer drops them. */
const EPHEMERAL_MS = 60_000
/** How long closing sockets may take before they are cut. */
const CLOSE_ALL_MS = 3_000

export interface DaemonOptions {
  host: string
  /** 0 picks a free one. */
  port: number
  pollIntervalMs: number
  /** The file whose changes announce commits; undefined to rely on the tick alone. */
  walFile: string | undefined
  connectionsMax: number
  connectionsPerUserMax: number
  /** Origins that may connect; ['*'] for all. */
  allowedOrigins: string[]
  trustProxy: boolean
  /** Who hears when somebody comes online or goes. */
  presence: Audience
  /** How long after the last socket a user counts as online, in ms. */
  offlineDelayMs: number
  /** Missed messages that a reconnecting client is told; more, and it is to refetch. */
  replayedMessagesMax: number
  /** Called when the daemon finds that it must not go on: another one has taken its place. */
  onLost: () => void
}

/**
 * The WebSocket door: polls pending_events and broadcasts each event to the sockets it is for.
 *
 * start: bind the port → take the lease → drain what is pending into the backlog → accept sockets.
 * stop: refuse sockets → stop polling → close the sockets → delete what was delivered → release the
 * lease, and with it the rows of whoever was connected. What is committed after the last poll stays pending for the successor.
 */
export class Daemon {
  readonly #chat: Chat
  readonly #log: Log
  readonly #options: DaemonOptions
  readonly #hub = new Hub()
  readonly #backlog = new Backlog()
  readonly #roster: Roster
  readonly #presence: Presence
  readonly #poller: Poller
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #timers: NodeJS.Timeout[] = []
  #daemonId: number | undefined
  #isAccepting = false

  constructor(chat: Chat, log: Log, options: DaemonOptions) {
    this.#chat = chat
    this.#log = log
    this.#options = options
    const { pollIntervalMs: intervalMs, walFile, presence: audience, offlineDelayMs } = options
    const hub = this.#hub
    this.#roster = new Roster(chat.connections, log)
    const onOffline = this.#roster.remove.bind(this.#roster)
    this.#presence = new Presence({ hub, chat, log, audience, offlineDelayMs, onOffline })
    const deliver = (event: PendingEvent) => this.#deliver(event)
    this.#poller = new Poller({ events: chat.events, deliver, log, intervalMs, walFile })
    // Compression would cost 300 KB a socket, for frames that are mostly shorter than a packet.
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: INBOUND_FRAME_BYTES_MAX,
      perMessageDeflate: false,
    })
    this.#server = createServer(answerPlainHttp)
    this.#server.on('upgrade', (request, socket, head) => {
      this.#serverOnUpgrade(request, socket, head)
    })
  }

  /**
   * Resolves with the port once sockets are accepted.
   *
   * @throws the system's error (EADDRINUSE), or a ChatError `setup` while another daemon lives
   */
  async start(): Promise<number> {
    this.#server.listen(this.#options.port, this.#options.host)
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    await this.#takeLease(port)
    const { clock, events } = this.#chat
    await events.deleteStale(clock.storedFrom(new Date(clock.now().getTime() - EPHEMERAL_MS)))
    await this.#poller.start()
    this.#timers.push(setTimeout(() => this.#backlog.close(), BACKLOG_MS))
    this.#timers.push(setInterval(() => this.#hub.checkAlive(), PING_INTERVAL_MS))
    this.#isAccepting = true
    return port
  }

  /** Closes every socket with this code; resolves when nothing is left. Safe to call twice. */
  async stop(close: Close = CLOSE.stopping): Promise<void> {
    this.#isAccepting = false
    for (const timer of this.#timers) clearTimeout(timer)
    this.#server.close()
    await this.#poller.stop()
    await this.#closeSockets(close)
    this.#server.closeAllConnections()
    await this.#presence.stop()
    await this.#roster.settled()
    if (this.#daemonId === undefined) return
    await this.#deleteDelivered()
    await this.#chat.daemons.release(this.#daemonId)
    this.#daemonId = undefined
  }

  /** What has to be done now and then while the daemon runs. */
  chores(): Chore[] {
    return [
      {
        name: 'Deleting delivered events',
        schedule: '* * * * * *',
        run: () => this.#deleteDelivered(),
      },
      { name: 'Heartbeat', schedule: '*/5 * * * * *', run: () => this.#beat() },
    ]
  }

  async #takeLease(port: number): Promise<void> {
    const { host } = this.#options
    this.#daemonId = await this.#chat.daemons.acquire({
      hostname: hostname(),
      pid: process.pid,
      processStartedAt: processStartedAt(process.pid) ?? '',
      address: `ws://${host.includes(':') ? `[${host}]` : host}:${port}`,
    })
  }

  async #beat(): Promise<void> {
    if (this.#daemonId === undefined) return
    if (await this.#chat.daemons.heartbeat(this.#daemonId, this.#poller.lastGoodPollAt)) {
      await this.#roster.recordBuffered()
      return
    }
    this.#log.error('Another chat-websocket has taken over this database')
    this.#daemonId = undefined
    this.#options.onLost()
  }

  #deliver(event: PendingEvent): void {
    const isDelivered = this.#hub.deliver(event)
    this.#backlog.add(event, isDelivered)
  }

  /** Deliver first, delete after: a crash in between repeats an event rather than loses it. */
  async #deleteDelivered(): Promise<void> {
    const { cursor } = this.#poller
    const { held } = this.#backlog
    while (await this.#chat.events.deleteThrough(cursor, held)) await new Promise(setImmediate)
  }

  async #serverOnUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    stream.on('error', () => stream.destroy())
    try {
      const handshake = readHandshake(request, this.#options.allowedOrigins)
      if ('userId' in handshake) await this.#introduce(handshake)
      this.#sockets.handleUpgrade(request, stream, head, (socket) => {
        // ws closes the socket after any error; 'close' follows.
        socket.on('error', () => {})
        if ('userId' in handshake) this.#accept(socket, stream, handshake, request)
        else closeSocket(socket, handshake)
      })
    } catch (error) {
      this.#log.error('A connection could not be accepted', error)
      stream.destroy()
    }
  }

  /** Somebody whose name cannot be kept right now is let in all the same. */
  async #introduce({ userId, profile }: Handshake): Promise<void> {
    try {
      await this.#chat.users.introduce(userId, profile)
    } catch (error) {
      this.#log.error(`User ${userId} could not be introduced`, error)
    }
  }

  /** A browser sees why it is refused only if the socket opens first: so, accept, then close. */
  #accept(socket: WebSocket, stream: Duplex, handshake: Handshake, request: IncomingMessage): void {
    const refusal = this.#refusalFor(handshake.userId)
    if (refusal !== undefined) {
      closeSocket(socket, refusal)
      return
    }
    const address = clientAddress(request, this.#options.trustProxy)
    const connection = new Connection(socket, stream, handshake.userId, address)
    socket.on('message', (data) => this.#socketOnMessage(connection, String(data)))
    socket.on('close', () => this.#socketOnClose(connection))
    this.#connectionOpened(connection)
    this.#catchUp(connection, handshake.lastMessageId)
  }

  #refusalFor(userId: number): Close | undefined {
    const { connectionsMax, connectionsPerUserMax } = this.#options
    if (!this.#isAccepting) return CLOSE.restarting
    const isFull = this.#hub.connectionCount >= connectionsMax
    const isUserFull = this.#hub.of(userId).size >= connectionsPerUserMax
    return isFull || isUserFull ? CLOSE.tooManyConnections : undefined
  }

  #connectionOpened(connection: Connection): void {
    this.#hub.add(connection)
    this.#roster.add(connection, this.#daemonId as number)
    const closedBefore = this.#presence.opened(connection)
    if (closedBefore !== undefined) this.#roster.remove(closedBefore)
  }

  #socketOnClose(connection: Connection): void {
    this.#hub.remove(connection)
    if (this.#hub.of(connection.userId).size > 0) {
      this.#roster.remove(connection)
    } else {
      this.#backlog.forget(connection.userId)
      this.#presence.closedLast(connection)
    }
  }

  async #catchUp(connection: Connection, lastMessageId: number | undefined): Promise<void> {
    const { replayedMessagesMax } = this.#options
    try {
      await catchUp(connection, lastMessageId, {
        chat: this.#chat,
        log: this.#log,
        backlog: this.#backlog,
        userCount: this.#hub.userCount,
        replayedMessagesMax,
      })
    } catch (error) {
      this.#log.error(`User ${connection.userId} could not be told what it missed`, error)
      connection.close(CLOSE.failed)
    }
  }

  #socketOnMessage(connection: Connection, text: string): void {
    if (connection.isFlooding()) connection.close(CLOSE.tooManyFrames)
    if (!connection.isOpen) return
    const context = { chat: this.#chat, hub: this.#hub, log: this.#log }
    handleClientFrame(connection, text, context)
  }

  async #closeSockets(close: Close): Promise<void> {
    this.#hub.closeAll(close)
    const deadline = Date.now() + CLOSE_ALL_MS
    while (this.#hub.connectionCount > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

const answerPlainHttp: Parameters<typeof createServer>[1] = (_request, response) => {
  const body = 'This is the WebSocket port of the chat: connect with ws://…/?user_id=…\n'
  response.writeHead(426, {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
  })
  response.end(body)
}
