import { startNodeServer } from './node-server.ts'
import type { Peer } from './peer.ts'

/** What many would pick: Socket.IO, with everything in memory. */
export async function startSocketIo(): Promise<Peer> {
  const { port, pid, stop } = await startNodeServer('socket-io-server.ts')
  return {
    name: 'socket.io',
    apiUrl: `http://127.0.0.1:${port}`,
    socketUrls: [`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`],
    protocol: 'socket.io',
    pids: [pid],
    stop,
  }
}
