import { hostname } from 'node:os'
import type { Chat } from '../../chat/chat.ts'
import { type DaemonStatus, daemonStatus, lagSeconds } from '../../chat/daemon-status.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /status.json: the status of both processes, for status.html. Counts are monotonic: the
 * difference of two answers is what happened between them.
 */
export const status: Endpoint = {
  methods: ['GET'],
  access: 'operator',
  handle: async ({ chat, metrics }) => {
    const daemon = await daemonStatus(chat, hostname())
    const sends = await metrics.sends()
    return success('OK', {
      time_ms: Date.now(),
      lag_seconds: await lagSeconds(chat, daemon),
      ...(await chat.connections.count()),
      message_count: await chat.messages.lastId(),
      event_count: await chat.events.queuedCount(),
      wal_bytes: metrics.gauges.walBytes(),
      api: { pid: process.pid, send_count: sends.count, send_seconds: sends.seconds },
      daemon: daemonJson(chat, daemon),
    })
  },
}

function daemonJson({ clock }: Chat, { state, daemon, pollAgeSeconds }: DaemonStatus): object {
  return {
    state,
    pid: daemon?.pid ?? null,
    address: daemon?.address ?? null,
    started_at: daemon === undefined ? null : clock.shown(daemon.startedAt),
    poll_age_seconds: pollAgeSeconds ?? null,
    poll_ms: daemon?.pollMs ?? null,
    delivered_count: daemon?.deliveredCount ?? null,
  }
}
