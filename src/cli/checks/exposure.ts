import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Config, isLoopback } from '../../config/config.ts'
import { LOOPBACK_SOCKETS_MAX, PRESENCE_SOCKETS_MAX } from '../../thresholds.ts'
import { envFiles } from '../env-file.ts'
import { isShared } from '../open-store.ts'
import { type Finding, ok, warning } from './finding.ts'

/** The mode of a folder for all users, such as /tmp: it protects the files in it. */
const STICKY = 0o1000

/** Finds files that other users may read or write: restored by hand, or older than CHAT_UMASK. */
export function checkRights(config: Config): Finding[] {
  const name = 'file rights'
  const { database, uploadsDir, umask } = config
  const ofDatabase = isShared(config) ? [] : [dirname(database), database, `${database}-wal`]
  const paths = [...ofDatabase, uploadsDir, ...envFiles()]
  const findings = paths.flatMap((path) => {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    if ((mode & umask) === 0 || (mode & STICKY) !== 0) return []
    const advice = `Do: chmod ${octal(mode & ~umask)} ${path}`
    return [warning(name, `${path} is open to others (${octal(mode)}). ${advice}`)]
  })
  if (findings.length > 0) return findings
  return [ok(name, `nothing is open to more than CHAT_UMASK=${octal(umask)} lets`)]
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

/** @param addresses of all sockets */
export function checkSockets({ presence, trustProxy }: Config, addresses: string[]): Finding[] {
  const name = 'sockets'
  const count = addresses.length
  const findings: Finding[] = []
  if (presence === 'all' && count > PRESENCE_SOCKETS_MAX) {
    const reason = `each of ${count} is sent whenever anybody comes or goes`
    findings.push(warning(name, `CHAT_PRESENCE=all: ${reason}. Set CHAT_PRESENCE=contacts`))
  }
  if (!trustProxy && count > LOOPBACK_SOCKETS_MAX && addresses.every(isLoopback)) {
    const reason = `all ${count} come from this machine, so a proxy speaks for others`
    const advice = 'Limits for each address count all as one. Set CHAT_TRUST_PROXY=on'
    findings.push(warning(name, `${reason}. ${advice}`))
  }
  return findings.length > 0 ? findings : [ok(name, `${count} are open`)]
}
