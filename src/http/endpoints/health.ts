import { hostname } from 'node:os'
import { isOperator } from '../../auth/operator.ts'
import type { Chat } from '../../chat/chat.ts'
import { type DaemonStatus, daemonStatus } from '../../chat/daemon-status.ts'
import { ChatError } from '../../errors.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /health: 200 while the database answers, 503 when it does not, or when requests were just
 * answered 503. The daemon status stands in data.daemon, not in the HTTP status: this process
 * accepts messages whether or not the daemon delivers them, and to take it out of service would
 * only lose them. Operators also receive data.pid, data.daemon_pid and data.connected_users.
 */
export const health: Endpoint = {
  methods: ['GET'],
  access: 'public',
  handle: async ({ chat, problem, request, metricsSecret }) => {
    const message = problem()
    const isForOperator = isOperator(request, metricsSecret)
    const { state, daemon, userCount } = await read(chat, isForOperator)
    const data = {
      service: 'chat-api',
      daemon: state,
      daemon_polled_at: daemon === undefined ? null : chat.clock.shown(daemon.polledAt),
      ...(isForOperator && {
        pid: process.pid,
        daemon_pid: daemon?.pid ?? null,
        connected_users: userCount,
      }),
    }
    return message === undefined ? success('OK', data) : { status: 'error', message, data }
  },
}

/** Counts users for operators only: the query scans all connections. */
async function read(
  chat: Chat,
  isForOperator: boolean,
): Promise<DaemonStatus & { userCount: number | undefined }> {
  try {
    const userCount = isForOperator ? (await chat.connections.count()).users : undefined
    return { ...(await daemonStatus(chat, hostname())), userCount }
  } catch (cause) {
    const message = 'The database cannot be read'
    throw new ChatError('unavailable', message, { cause, retryAfterSeconds: 5 })
  }
}
