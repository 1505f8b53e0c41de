import { startNodeServer } from './node-server.ts'
import type { Peer } from './peer.ts'

/** What a chat costs without a database: the same work in memory, in one process. */
export async function startFloor(): Promise<Peer> {
  const { port, pid, stop } = await startNodeServer('floor-server.ts')
  return {
    name: 'floor',
    apiUrl: `http://127.0.0.1:${port}`,
    socketUrls: [`ws://127.0.0.1:${port}/`],
    protocol: 'plain',
    pids: [pid],
    stop,
  }
}
