import {
  apiUrl,
  daemonUrl,
  type Environment,
  type Program,
  RunningProgram,
} from '../../support/running-program.ts'
import type { Peer } from './peer.ts'

/**
 * This chat: both of its processes on one database in `folder`, with no presence events.
 *
 * @param settings what else to set: CHAT_WAKE, or CHAT_DATABASE for a file that is there already
 * @param root another checkout, whose programs are run
 */
export async function startChatPeer(
  folder: string,
  settings: Environment = {},
  root?: string,
): Promise<Peer> {
  const environment = { CHAT_PRESENCE: 'off', ...settings }
  const start = (program: Program) =>
    new RunningProgram(program, ['start'], folder, environment, root)
  const api = start('chat-api')
  const daemon = start('chat-websocket')
  const stop = async () => void (await Promise.all([api.stop(), daemon.stop()]))
  try {
    return {
      name: 'chat',
      apiUrl: await apiUrl(api),
      socketUrl: `${await daemonUrl(daemon)}/`,
      protocol: 'plain',
      pids: [api.pid, daemon.pid],
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
