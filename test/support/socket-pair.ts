import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { onTestFinished } from 'vitest'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { CLOSE_TIMEOUT_MS } from '../../src/websocket/connection.ts'

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
