import { hostname } from 'node:os'
import { daemonStatus, lagSeconds } from '../../chat/daemon-status.ts'
import { daemonJson } from '../daemon-json.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /status.json: the status of all processes, for status.html. Counts are monotonic: the
 * difference of two answers is what happened between them. data.daemon is the oldest of the
 * daemons, but its state is that of all.
 */
export const status: Endpoint = {
  methods: ['GET'],
  access: 'operator',
  handle: async ({ chat, metrics }) => {
    const status = await daemonStatus(chat, hostname())
    const daemons = status.daemons.map((daemon) => daemonJson(chat.clock, daemon))
    const { count, sum } = metrics.sendSeconds
    return success('OK', {
      time_ms: Date.now(),
      lag_seconds: await lagSeconds(chat, status),
      ...(await chat.connections.count()),
      message_count: await chat.messages.lastId(),
      event_count: await chat.events.queuedCount(),
      wal_bytes: metrics.gauges.walBytes(),
      api: { pid: process.pid, send_count: count, send_seconds: sum },
      daemon: { ...(daemons[0] ?? NO_DAEMON), state: status.state },
      daemons,
    })
  },
}

const NO_DAEMON = {
  pid: null,
  address: null,
  started_at: null,
  poll_age_seconds: null,
  poll_ms: null,
  delivered_count: null,
}
