import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import type { Daemon } from '../chat/model.ts'
import { askHealth, healthLine } from './ask-health.ts'

type Lines = Record<string, string | number>

/**
 * The lines of `chat-websocket status`, by label: of the daemon of this machine with this pid, and
 * one for each other that lives.
 */
export async function describeDaemons(
  chat: Pick<Chat, 'daemons' | 'connections'>,
  pid: number,
): Promise<Lines> {
  const daemons = await chat.daemons.list(hostname())
  const own = daemons.find((daemon) => daemon.hostname === hostname() && daemon.pid === pid)
  const others = daemons.filter((daemon) => daemon !== own)
  return {
    ...(own === undefined ? {} : await describeOwn(chat, own)),
    ...Object.fromEntries(others.map(describeOther)),
  }
}

async function describeOwn({ connections }: Pick<Chat, 'connections'>, daemon: Daemon) {
  const { daemonId, address, startedAt, heartbeatAt, polledAt } = daemon
  const sockets = (await connections.list()).filter((socket) => socket.daemonId === daemonId)
  return {
    health: healthLine(await askHealth(address)),
    address,
    connections: sockets.length,
    started_at: startedAt,
    heartbeat_at: heartbeatAt,
    polled_at: polledAt,
  }
}

function describeOther({ daemonId, hostname, address, polledAt }: Daemon): [string, string] {
  return [`daemon_${daemonId}`, `on ${hostname}, ${address}, polled at ${polledAt}`]
}
