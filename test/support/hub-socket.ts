import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { CLOSE_TIMEOUT_MS, Connection } from '../../src/websocket/connection.ts'
import { eventFrame } from '../../src/websocket/frame.ts'
import { Hub } from '../../src/websocket/hub.ts'

export const CONNECTED = eventFrame('chat:connected', '{}')

/** A recovering connection of the hub, its client's end, and the events that this end received. */
export async function openConnection(options: ClientOptions & { hub?: Hub; userId?: number } = {}) {
  const { hub = new Hub(), userId = 1 } = options
  const { server, stream, client } = await socketPair(options)
  const received: string[] = []
  const closed: { code: number; reason: string }[] = []
  client.on('message', (data) => received.push(JSON.parse(String(data)).event))
  client.on('close', (code, reason) => closed.push({ code, reason: String(reason) }))
  const connection = new Connection(server, stream, userId, '127.0.0.1')
  hub.add(connection)
  server.on('close', () => hub.remove(connection))
  return { hub, connection, server, stream, client, received, closed }
}

/** As openConnection, after its recovery. */
export async function openLiveConnection(hub: Hub, userId: number) {
  const opened = await openConnection({ hub, userId })
  opened.connection.sendConnected(CONNECTED)
  hub.goLive(opened.connection, 0)
  return opened
}

/** Both ends of one WebSocket over loopback, and the stream below the server's end. */
export interface SocketPair {
  server: WebSocket
  stream: Duplex
  client: WebSocket
}

export async function socketPair(options: ClientOptions = {}): Promise<SocketPair> {
  const http = createServer()
  const own = { noServer: true, perMessageDeflate: false, closeTimeout: CLOSE_TIMEOUT_MS }
  const sockets = new WebSocketServer(own)
  const accepted = new Promise<Omit<SocketPair, 'client'>>((resolve) => {
    http.on('upgrade', (request, stream, head) => {
      sockets.handleUpgrade(request, stream, head, (server) => resolve({ server, stream }))
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, options)
  const { server, stream } = await accepted
  for (const socket of [server, client]) socket.on('error', () => {})
  onTestFinished(() => {
    for (const socket of [server, client]) socket.terminate()
    http.close()
  })
  if (client.readyState !== client.OPEN) await once(client, 'open')
  return { server, stream, client }
}
