import { RECORDED_POLL_STALE_SECONDS } from '../thresholds.ts'
import type { Chat } from './chat.ts'
import type { Daemon } from './model.ts'

/** `unhealthy`: the process lives, but has not polled for more than RECORDED_POLL_STALE_SECONDS. */
type LivingState = 'running' | 'unhealthy'

/** Of all daemons: `unhealthy` when one of them is, `stopped` when none lives. */
export type DaemonState = LivingState | 'stopped'

export interface LivingDaemon extends Daemon {
  state: LivingState
  /** Since its last good poll, in whole seconds. */
  pollAgeSeconds: number
}

/** The status of the daemons, as other processes read it from the store. */
export interface DaemonStatus {
  state: DaemonState
  /** Those that live, the oldest first. */
  daemons: LivingDaemon[]
}

/** @param hostname of the machine that asks */
export async function daemonStatus(
  { daemons, clock }: Pick<Chat, 'daemons' | 'clock'>,
  hostname: string,
): Promise<DaemonStatus> {
  const living = (await daemons.list(hostname)).map((daemon): LivingDaemon => {
    const pollAgeSeconds = clock.secondsSince(daemon.polledAt)
    const state = pollAgeSeconds > RECORDED_POLL_STALE_SECONDS ? 'unhealthy' : 'running'
    return { ...daemon, state, pollAgeSeconds }
  })
  return { state: stateOf(living), daemons: living }
}

function stateOf(daemons: LivingDaemon[]): DaemonState {
  if (daemons.length === 0) return 'stopped'
  return daemons.some(({ state }) => state === 'unhealthy') ? 'unhealthy' : 'running'
}

/**
 * How long the oldest undelivered event waits. While daemons run, their reports count: rows of
 * delivered events stay in the table until they are deleted.
 */
export async function lagSeconds(
  { events }: Pick<Chat, 'events'>,
  { daemons }: DaemonStatus,
): Promise<number> {
  const running = daemons.filter(({ state }) => state === 'running')
  if (running.length === 0) return events.waitedSeconds(daemons[0]?.position)
  return Math.max(...running.map((daemon) => daemon.lagSeconds))
}
