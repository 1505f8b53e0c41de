import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { systemCode } from '../errors.ts'

/** The process that listens on a port. */
export interface PortHolder {
  pid: number
  command: string
}

const LISTENING = '0A'

/** Tries to listen; resolves with the code of the error that stands against it, or ''. */
export function tryPort(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(systemCode(error)))
    server.listen(port, host, () => server.close(() => resolve('')))
  })
}

/** Undefined when it cannot be seen: another user's, in another container, or no Linux. */
export function findPortHolder(port: number): PortHolder | undefined {
  const sockets = new Set(listeningInodes(port).map((inode) => `socket:[${inode}]`))
  if (sockets.size === 0) return undefined
  const pid = entries('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => entries(`/proc/${name}/fd`).some((fd) => sockets.has(link(name, fd))))
  return pid === undefined ? undefined : { pid: Number(pid), command: commandOf(pid) }
}

/** The lines of /proc/net/tcp: number, local address:port in hex, remote, state, …, inode. */
function listeningInodes(port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    text(file)
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === LISTENING)
      .map((fields) => fields[9] as string),
  )
}

function commandOf(pid: string): string {
  const command = text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
  return command || text(`/proc/${pid}/comm`).trim()
}

/** Processes end while they are looked at, and those of others do not show their files. */
function entries(folder: string): string[] {
  return attempt(() => readdirSync(folder), [])
}

function link(pid: string, fd: string): string {
  return attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '')
}

function text(file: string): string {
  return attempt(() => readFileSync(file, 'utf8'), '')
}

function attempt<Result>(read: () => Result, otherwise: Result): Result {
  try {
    return read()
  } catch {
    return otherwise
  }
}
