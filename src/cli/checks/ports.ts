import { findPortHolder, tryPort } from '../port-holder.ts'
import { error, type Finding, ok } from './finding.ts'

export interface PortUse {
  /** What the finding is called. */
  check: string
  /** Whose port it is to be. */
  program: 'chat-api' | 'chat-websocket'
  variable: string
  host: string
  port: number
  /** The program's process; undefined when it does not run. */
  pid: number | undefined
}

/** Whether the port can be had, or is had by whose it is. */
export async function checkPort(use: PortUse): Promise<Finding> {
  const { check, program, variable, host, port } = use
  if (port === 0) return ok(check, `${variable}=0: the system picks one at every start`)
  switch (await tryPort(host, port)) {
    case '':
      return ok(check, `${port} is free: ${program} can take it`)
    case 'EADDRINUSE':
      return checkHolder(use)
    case 'EACCES':
      return error(
        check,
        `${port} needs more rights than this user has. Choose another: ${variable}`,
      )
    default:
      return error(check, `${host} is no address of this machine. Change CHAT_HOST`)
  }
}

function checkHolder({ check, program, variable, port, pid }: PortUse): Finding {
  const holder = findPortHolder(port)
  const isOurs = pid !== undefined && (holder === undefined || holder.pid === pid)
  if (isOurs) return ok(check, `${port} is held by ${program} (pid ${pid})`)
  const choice = `or choose another: ${variable}`
  if (holder !== undefined) {
    const who = `pid ${holder.pid}: ${holder.command}`
    return error(check, `${port} is held by another program (${who}). Stop that, ${choice}`)
  }
  const look = `See by whom: sudo ss -ltnp "sport = :${port}"`
  return error(check, `${port} is held by a process of another user. ${look}; ${choice}`)
}
