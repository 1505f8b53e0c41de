import { createDatabase, type Mariadb } from '../../support/mariadb.ts'
import { type ChatPeer, type ChatPeerOptions, startChatPeer } from './chat.ts'
import { startMariadb } from './mariadb.ts'

export interface SharedChatPeer extends ChatPeer {
  mariadb: Mariadb
}

/** This chat on a MariaDB of its own, which is one of its processes. */
export async function startSharedChat(
  folder: string,
  options: Pick<ChatPeerOptions, 'daemons' | 'root'> = {},
): Promise<SharedChatPeer> {
  const mariadb = await startMariadb(folder)
  try {
    const settings = { CHAT_DATABASE: createDatabase(mariadb.port, 'chat') }
    const chat = await startChatPeer(folder, { ...options, settings })
    const stop = async () => {
      await chat.stop()
      await mariadb.stop()
    }
    return { ...chat, name: 'chat on MariaDB', pids: [...chat.pids, mariadb.pid], mariadb, stop }
  } catch (error) {
    await mariadb.stop()
    throw error
  }
}
