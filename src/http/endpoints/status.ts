import { hostname } from 'node:os'
import type { Chat } from '../../chat/chat.ts'
import type { WatchedDaemon } from '../../chat/watch.ts'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /status.json: both processes at a glance, for status.html. Counts only ever grow; what happened
 * between two answers is their difference.
 */
export const status: Endpoint = {
  methods: ['GET'],
  access: 'operator',
  handle: async ({ chat, metrics }) => {
    const watched = await chat.watch.daemon(hostname())
    const sends = await metrics.sends()
    return success('OK', {
      time_ms: Date.now(),
      lag_seconds: await chat.watch.lagSeconds(watched),
      ...(await chat.connections.count()),
      message_count: await chat.missed.lastMessageId(),
      event_count: chat.events.lastId(),
      wal_bytes: metrics.gauges.walBytes(),
      api: { pid: process.pid, send_count: sends.count, send_seconds: sends.seconds },
      daemon: daemonStatus(chat, watched),
    })
  },
}

function daemonStatus({ clock }: Chat, { state, daemon, pollAgeSeconds }: WatchedDaemon): object {
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
