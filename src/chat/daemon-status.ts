import { RECORDED_POLL_STALE_SECONDS } from '../thresholds.ts'
import type { Chat } from './chat.ts'
import type { Daemon } from './model.ts'

/** `unhealthy`: the process lives, but has not polled for more than RECORDED_POLL_STALE_SECONDS. */
export type DaemonState = 'running' | 'unhealthy' | 'stopped'

/** The daemon status, as other processes read it from the store. */
export interface DaemonStatus {
  state: DaemonState
  /** Undefined when it is `stopped`. */
  daemon: Daemon | undefined
  /** Since its last good poll, in whole seconds. */
  pollAgeSeconds: number | undefined
}

/** @param hostname of the machine that asks */
export async function daemonStatus(
  { daemons, clock }: Pick<Chat, 'daemons' | 'clock'>,
  hostname: string,
): Promise<DaemonStatus> {
  const [daemon] = await daemons.list(hostname)
  if (daemon === undefined) return { state: 'stopped', daemon, pollAgeSeconds: undefined }
  const pollAgeSeconds = clock.secondsSince(daemon.polledAt)
  const state = pollAgeSeconds > RECORDED_POLL_STALE_SECONDS ? 'unhealthy' : 'running'
  return { state, daemon, pollAgeSeconds }
}

/**
 * How long the oldest undelivered event waits. While the daemon runs, its report counts: rows of
 * delivered events stay in the table until its next delete.
 */
export async function lagSeconds(
  { events }: Pick<Chat, 'events'>,
  { state, daemon }: DaemonStatus,
): Promise<number> {
  if (state === 'running' && daemon !== undefined) return daemon.lagSeconds
  return events.waitedSeconds(daemon?.position)
}
