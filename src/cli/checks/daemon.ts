import type { Chat } from '../../chat/chat.ts'
import type { DaemonState, DaemonStatus } from '../../chat/daemon-status.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Events wait while a daemon restarts; longer than this they wait for an operator. */
export const WAITED_SECONDS_MAX = 60

export function checkDaemon({ state, daemon, pollAgeSeconds }: DaemonStatus): Finding {
  const name = 'chat-websocket'
  if (daemon === undefined)
    return warning(name, 'is not running. Start it: chat-websocket start -d')
  const poll = `its last good poll was ${pollAgeSeconds} s ago`
  if (state === 'running')
    return ok(name, `listens on ${daemon.address} (pid ${daemon.pid}), ${poll}`)
  const advice = 'See why: chat-websocket logs; then: chat-websocket restart'
  return error(name, `runs (pid ${daemon.pid}), but ${poll}. ${advice}`)
}

/** Whether the daemon was started with another port than the one that clients are told. */
export function listensElsewhere({ daemon }: DaemonStatus, port: number): boolean {
  return daemon !== undefined && port !== 0 && !daemon.address.endsWith(`:${port}`)
}

export async function checkEvents(chat: Chat, watched: DaemonStatus): Promise<Finding> {
  const seconds = await chat.events.waitedSeconds(watched.daemon?.position)
  return judgeEvents(seconds, watched.state)
}

export function judgeEvents(seconds: number, state: DaemonState): Finding {
  const name = 'pending events'
  if (seconds === 0) return ok(name, 'none waits')
  const oldest = `the oldest has waited for ${seconds} s`
  if (seconds <= WAITED_SECONDS_MAX) return ok(name, oldest)
  const advice = state === 'stopped' ? 'chat-websocket start -d' : 'chat-websocket restart'
  return error(name, `${oldest}: nobody is told anything. Do: ${advice}`)
}
