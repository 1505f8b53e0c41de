import { hostname } from 'node:os'
import type { Endpoint } from '../endpoint.ts'
import { success } from '../response.ts'

/**
 * GET /health: 200 while the database answers; data.daemon says whether chat-websocket runs, and
 * data.connected_users how many are online.
 */
export const health: Endpoint = async ({ chat }) => {
  const daemon = await chat.daemons.find(hostname())
  return success('OK', {
    service: 'chat-api',
    pid: process.pid,
    daemon: daemon === undefined ? 'stopped' : 'running',
    daemon_pid: daemon?.pid ?? null,
    daemon_polled_at: daemon === undefined ? null : chat.clock.shown(daemon.polledAt),
    connected_users: await chat.connections.countUsers(),
  })
}
