import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../../errors.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** Clocks of two machines that are kept in step differ by less. */
export const CLOCK_SECONDS_MAX = 5
/** Files that a daemon has open beside its sockets. */
export const FILES_BESIDE_SOCKETS = 100

export function checkUploads(folder: string): Finding {
  const name = 'uploads'
  if (!existsSync(folder)) {
    return warning(name, `${folder} does not exist. chat-api makes it when it starts`)
  }
  try {
    writeTemporaryFile(folder)
    return ok(name, `${folder} can be written to`)
  } catch (cause) {
    const advice = 'Make it writable for the user of chat-api, or set CHAT_UPLOADS_DIR'
    return error(name, `${folder} cannot be written to (${systemCode(cause)}). ${advice}`)
  }
}

/**
 * Compares this machine's clock with that of the disk, which may be another machine's, and with what
 * was written before.
 *
 * @param secondsAhead how far times in the database are ahead of the clock
 */
export function checkClock(folder: string, secondsAhead: number): Finding {
  const diskSeconds = diskSecondsAhead(folder)
  const fix = 'Set the clock: timedatectl set-ntp true'
  if (secondsAhead > CLOCK_SECONDS_MAX) {
    return warning('clock', `the database holds times ${secondsAhead} s from now. ${fix}`)
  }
  if (Math.abs(diskSeconds) > CLOCK_SECONDS_MAX) {
    return warning('clock', `differs from that of ${folder} by ${Math.abs(diskSeconds)} s. ${fix}`)
  }
  return ok('clock', 'agrees with the disk and the database')
}

/** @param pid of the daemon; undefined to look at what a daemon started from here would get */
export function checkOpenFiles(connectionsMax: number, pid: number | undefined): Finding {
  const name = 'open files'
  const limit = openFilesLimit(pid)
  const needed = connectionsMax + FILES_BESIDE_SOCKETS
  if (limit >= needed) return ok(name, `limit ${limit}, for CHAT_MAX_CONNECTIONS=${connectionsMax}`)
  const advice = `Raise it to ${needed} (LimitNOFILE in systemd, ulimit -n), or set CHAT_MAX_CONNECTIONS`
  return warning(name, `limit ${limit}: too low for ${connectionsMax} sockets. ${advice}`)
}

/** Whole seconds; 0 when nothing can be written there, which another check tells. */
function diskSecondsAhead(folder: string): number {
  try {
    const before = Date.now()
    return Math.round((writeTemporaryFile(folder) - before) / 1000)
  } catch {
    return 0
  }
}

/** Returns the time that the disk gave the file, in ms. */
function writeTemporaryFile(folder: string): number {
  const path = join(folder, `.doctor-${process.pid}`)
  try {
    writeFileSync(path, '')
    return statSync(path).mtimeMs
  } finally {
    rmSync(path, { force: true })
  }
}

function openFilesLimit(pid: number | undefined): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limitsOf(pid))?.[1]
  const limit = soft ?? execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit)
}

/** '' where there is no /proc, and for a process of somebody else. */
function limitsOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid ?? 'self'}/limits`, 'utf8')
  } catch {
    return ''
  }
}
