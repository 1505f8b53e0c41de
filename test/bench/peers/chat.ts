import { readFileSync } from 'node:fs'
import {
  apiUrl,
  daemonUrl,
  type Environment,
  type Program,
  RunningProgram,
} from '../../support/running-program.ts'
import type { Peer } from './peer.ts'

const PACKAGE_FILE = new URL('../../../package.json', import.meta.url)

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
  const start = (program: Program, more: Environment = {}) => {
    const environment = { CHAT_PRESENCE: 'off', ...settings, ...more }
    return new RunningProgram(program, ['start'], folder, environment, root)
  }
  const api = start('chat-api')
  const daemon = start('chat-websocket', { NODE_OPTIONS: daemonNodeOptions() })
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

/** What `npm start` tells Node about the daemon. */
function daemonNodeOptions(): string {
  const { scripts } = JSON.parse(readFileSync(PACKAGE_FILE, 'utf8'))
  const [, options] = /node (--\S+) bin\/chat-websocket/.exec(scripts.start) ?? []
  if (options === undefined) throw new Error('npm start gives the daemon no options')
  return options
}
