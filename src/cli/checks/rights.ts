import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../../config.ts'
import { serviceFiles } from '../background.ts'
import { envFiles } from '../env-file.ts'
import { type Finding, ok, warning } from './finding.ts'

const NAME = 'file rights'
/** A folder that is everybody's, such as /tmp: there, only the files in it can be one's own. */
const STICKY = 0o1000

/** What is there from before CHAT_UMASK, and open to more than it lets: a warning for each. */
export function checkRights(config: Config): Finding[] {
  const services = ['chat-api', 'chat-websocket'].map((name) => serviceFiles(config.pidDir, name))
  const paths = [
    dirname(config.database),
    config.database,
    `${config.database}-wal`,
    config.uploadsDir,
    ...services.flatMap(({ pidFile, logFile }) => [pidFile, logFile]),
    ...envFiles(),
  ]
  const findings = paths.flatMap((path) => checkMode(path, config.umask))
  if (findings.length > 0) return findings
  return [ok(NAME, `nothing is open to more than CHAT_UMASK=${octal(config.umask)} lets`)]
}

function checkMode(path: string, umask: number): Finding[] {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
  const rights = mode & 0o777
  if ((rights & umask) === 0 || (mode & STICKY) !== 0) return []
  const advice = `Do: chmod ${octal(rights & ~umask)} ${path}`
  return [warning(NAME, `${path} is open to others (${octal(rights)}). ${advice}`)]
}

function octal(rights: number): string {
  return rights.toString(8).padStart(4, '0')
}
