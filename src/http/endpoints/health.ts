import { hostname } from 'node:os'
import { isOperator } from '../../auth/operator.ts'
import type { Chat } from '../../chat/chat.ts'
import { type DaemonStatus, daemonStatus } from '../../chat/daemon-status.ts'
import type { WebhookBacklog } from '../../chat/webhooks.ts'
import { ChatError } from '../../errors.ts'
import { daemonJson } from '../daemon-json.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /health: 200 while the database answers, 503 when it does not, or when requests were just
 * answered 503. The daemon status stands in data.daemon, not in the HTTP status: this process
 * accepts messages whether or not a daemon delivers them, and to take it out of service would only
 * lose them. data.daemon_polled_at and daemon_pid are of the oldest daemon. Operators also receive
 * data.pid, data.daemon_pid, data.connected_users, data.daemons, which has all, and data.webhooks: the
 * messages that wait to be pushed.
 */
export const health: Endpoint = {
  methods: ['GET'],
  access: 'public',
  handle: async ({ chat, problem, request, metricsSecret }) => {
    const message = problem()
    const isForOperator = isOperator(request, metricsSecret)
    const { state, daemons, userCount, backlog } = await read(chat, isForOperator)
    const [daemon] = daemons
    const data = {
      service: 'chat-api',
      daemon: state,
      daemon_polled_at: daemon === undefined ? null : chat.clock.shown(daemon.polledAt),
      ...(isForOperator && {
        pid: process.pid,
        daemon_pid: daemon?.pid ?? null,
        connected_users: userCount,
        daemons: daemons.map((each) => daemonJson(chat.clock, each)),
        webhooks: { waiting: backlog?.count, oldest_seconds: backlog?.oldestSeconds },
      }),
    }
    return message === undefined ? success('OK', data) : { status: 'error', message, data }
  },
}

interface Counts {
  userCount: number | undefined
  backlog: WebhookBacklog | undefined
}

/** Counts for operators only: the queries scan all connections, and all webhooks. */
async function read(chat: Chat, isForOperator: boolean): Promise<DaemonStatus & Counts> {
  try {
    const userCount = isForOperator ? (await chat.connections.count()).users : undefined
    const backlog = isForOperator ? await chat.webhooks.backlog() : undefined
    return { ...(await daemonStatus(chat, hostname())), userCount, backlog }
  } catch (cause) {
    const message = 'The database cannot be read'
    throw new ChatError('unavailable', message, { cause, retryAfterSeconds: 5 })
  }
}
