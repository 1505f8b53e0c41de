import {
  apiUrl,
  daemonUrl,
  type Environment,
  type Program,
  RunningProgram,
} from '../../support/running-program.ts'
import type { Peer } from './peer.ts'

export interface ChatPeerOptions {
  /** What else to set: CHAT_WAKE, or CHAT_DATABASE for one that is there already. */
  settings?: Environment
  /** The number of chat-websocket: more than one on a shared database only. */
  daemons?: number
  /** Another checkout, whose programs are run. */
  root?: string | undefined
}

export interface ChatPeer extends Peer {
  daemonPids: number[]
}

/** This chat: its processes on one database, in `folder` if nothing else is set, with no presence events. */
export async function startChatPeer(
  folder: string,
  { settings = {}, daemons: daemonCount = 1, root }: ChatPeerOptions = {},
): Promise<ChatPeer> {
  const environment = { CHAT_PRESENCE: 'off', ...settings }
  const start = (program: Program) =>
    new RunningProgram(program, ['start'], folder, environment, root)
  const api = start('chat-api')
  const daemons = Array.from({ length: daemonCount }, () => start('chat-websocket'))
  const stop = async () => void (await Promise.all([api, ...daemons].map((each) => each.stop())))
  try {
    const daemonPids = daemons.map(({ pid }) => pid)
    return {
      name: 'chat',
      apiUrl: await apiUrl(api),
      socketUrls: await Promise.all(daemons.map(async (daemon) => `${await daemonUrl(daemon)}/`)),
      protocol: 'plain',
      pids: [api.pid, ...daemonPids],
      daemonPids,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
