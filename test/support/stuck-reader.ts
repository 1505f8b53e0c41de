import type { Socket } from 'node:net'
import { openSocket } from './raw-http.ts'

/** A client that asks for a WebSocket and never reads a byte: a phone that has left the network. */
export async function connectStuckReader(daemonUrl: string, userId: number): Promise<Socket> {
  const socket = await openSocket(daemonUrl)
  const lines = [
    `GET /?user_id=${userId} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  socket.pause()
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return socket
}
