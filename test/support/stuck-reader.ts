import type { Socket } from 'node:net'
import { openSocket } from './raw-http.ts'
import { upgradeRequest } from './upgrade.ts'

/** A client that asks for a WebSocket and never reads a byte: a phone that has left the network. */
export async function connectStuckReader(daemonUrl: string, userId: number): Promise<Socket> {
  const socket = await openSocket(daemonUrl)
  socket.pause()
  socket.write(upgradeRequest(`/?user_id=${userId}`))
  return socket
}
