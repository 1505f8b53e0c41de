import type { Clock } from '../chat/clock.ts'
import type { LivingDaemon } from '../chat/daemon-status.ts'

/** A daemon, as operators see it. */
export function daemonJson(clock: Clock, daemon: LivingDaemon) {
  return {
    state: daemon.state,
    hostname: daemon.hostname,
    pid: daemon.pid,
    address: daemon.address,
    started_at: clock.shown(daemon.startedAt),
    polled_at: clock.shown(daemon.polledAt),
    poll_age_seconds: daemon.pollAgeSeconds,
    poll_ms: daemon.pollMs,
    lag_seconds: daemon.lagSeconds,
    delivered_count: daemon.deliveredCount,
  }
}
