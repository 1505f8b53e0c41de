import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { ChatError, systemCode } from '../errors.ts'
import { Job } from '../jobs.ts'
import type { Log } from '../log.ts'

const INTERVAL_MS = 1_000

/**
 * When no file descriptor is left, the system accepts new connections and drops them without an
 * error: this job detects it.
 */
export function watchDescriptors(log: Log): Job {
  return new Job('Opening files', log, openAFile).every(INTERVAL_MS)
}

function openAFile(): void {
  try {
    closeSync(openSync(devNull, 'r'))
  } catch (cause) {
    const reason = `no file descriptor is left, and new connections are dropped (${systemCode(cause)})`
    const message = `${reason}. Raise the limit: LimitNOFILE in systemd, ulimit -n`
    throw new ChatError('unavailable', message, { cause })
  }
}
