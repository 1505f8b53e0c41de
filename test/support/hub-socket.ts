import type { ClientOptions } from 'ws'
import { Connection } from '../../src/websocket/connection.ts'
import { eventFrame } from '../../src/websocket/frame.ts'
import { Hub } from '../../src/websocket/hub.ts'
import { socketPair } from './socket-pair.ts'

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
