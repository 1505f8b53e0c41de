import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * The start time of the process with this pid, in a format of the operating system; undefined when
 * there is no such process. The system reuses pids; a pid and its start time identify one process.
 * Compare the text, do not parse it: on Linux it counts clock ticks since boot.
 */
export function processStartedAt(pid: number): string | undefined {
  return process.platform === 'linux' ? startedAtFromProc(pid) : startedAtFromPs(pid)
}

/** Whether the process with this pid and start time still runs. */
export function isSameProcess(pid: number, startedAt: string): boolean {
  return processStartedAt(pid) === startedAt
}

function startedAtFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 2 is the command in parentheses and may hold spaces; field 3 is the state, 22 the
    // start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const isZombie = fields[0] === 'Z'
    return isZombie ? undefined : `${bootId()}/${fields[19]}`
  } catch {
    return undefined
  }
}

/** Ticks since boot repeat after a reboot, and pid files outlive one. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function startedAtFromPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}
