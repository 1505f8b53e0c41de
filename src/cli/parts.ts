import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Config } from '../config.ts'
import { ChatError, systemCode } from '../errors.ts'
import { type Chore, Housekeeping } from '../housekeeping.ts'
import type { Log } from '../log.ts'
import { Outage } from '../outage.ts'
import { Checkpointer } from '../sqlite/checkpointer.ts'
import type { Database } from '../sqlite/database.ts'
import { type Certificate, readCertificate } from '../tls.ts'

/** Runs a service's chores and those of its database; `stop` resolves when none runs any more. */
export function startHousekeeping(
  database: Database,
  chores: Chore[],
  log: Log,
): { stop(): Promise<void> } {
  const checkpointer = new Checkpointer(database.path, log)
  const allChores: Chore[] = [
    ...chores,
    {
      name: 'Checkpointing',
      schedule: '* * * * * *',
      run: () => checkpointer.run(database.identity),
    },
    { name: 'Opening files', schedule: '* * * * * *', run: openAFile },
    { name: 'Optimizing', schedule: '17 * * * *', run: () => database.optimize() },
  ]
  const outage = new Outage(
    log,
    `Database ${database.path} was moved, deleted or replaced: nothing is stored any more`,
    `Database ${database.path} is in its place again`,
  )
  // Nothing is tidied up in files that nobody will see again.
  const isPaused = () => {
    if (database.problem() === undefined) outage.worked()
    else outage.failed(new ChatError('unavailable', database.rescueAdvice()))
    return outage.isOn
  }
  const housekeeping = new Housekeeping(allChores, log, isPaused)
  return {
    stop: async () => {
      await housekeeping.stop()
      await checkpointer.stop()
    },
  }
}

/**
 * When no file descriptor is left, the system takes new connections and drops them without a word:
 * so somebody has to look.
 */
function openAFile(): void {
  try {
    closeSync(openSync(devNull, 'r'))
  } catch (cause) {
    const reason = `no file descriptor is left, and new connections are dropped (${systemCode(cause)})`
    const message = `${reason}. Raise the limit: LimitNOFILE in systemd, ulimit -n`
    throw new ChatError('unavailable', message, { cause })
  }
}

/** Reads the certificate again; one that cannot be used leaves the old one in place. */
export function reloadCertificate(
  config: Config,
  log: Log,
  use: (certificate: Certificate) => void,
): void {
  try {
    const certificate = readCertificate(config.tlsCert, config.tlsKey)
    if (certificate === undefined) return
    use(certificate)
    log.info('The TLS certificate was read again')
  } catch (error) {
    log.warn(`${error instanceof Error ? error.message : error}; the old one stays in use`)
  }
}

/** What a server that cannot bind its port tells the operator. */
export function listenError(error: unknown, host: string, port: number, variable: string): unknown {
  const flag = `or choose another: ${variable}`
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new ChatError(
        'setup',
        `Port ${port} on ${host} is already in use. See by whom: ss -ltnp "sport = :${port}"; ${flag}.`,
      )
    case 'EACCES':
      return new ChatError('setup', `Port ${port} needs more rights than this user has; ${flag}.`)
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EAI_AGAIN':
    case 'EINVAL':
    case 'ENOTFOUND':
      return new ChatError('setup', `${host} is no address of this machine. Change CHAT_HOST.`)
    default:
      return error
  }
}
