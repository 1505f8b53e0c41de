import { type Config, isLoopback } from '../../config.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Each that comes or goes is told to all others: beyond this many it shows in the processor's time. */
export const PRESENCE_SOCKETS_MAX = 1_000
/** So many programs of this machine alone are none: it is a proxy that connects for others. */
export const LOOPBACK_SOCKETS_MAX = 100

export function checkOrigins({ auth, allowedOrigins }: Config): Finding {
  const name = 'origins'
  if (auth !== 'none' || !allowedOrigins.includes('*')) {
    return ok(name, `CHAT_AUTH=${auth}, CHAT_ALLOWED_ORIGINS=${allowedOrigins.join(',')}`)
  }
  const reason = 'any page open in a browser on this machine can use the chat, as anyone'
  const advice = 'List the pages that may: CHAT_ALLOWED_ORIGINS=https://shop.example'
  return warning(name, `CHAT_AUTH=none, CHAT_ALLOWED_ORIGINS=*: ${reason}. ${advice}`)
}

export function checkPresence(presence: Config['presence'], socketCount: number): Finding {
  const name = 'presence'
  if (presence !== 'all' || socketCount <= PRESENCE_SOCKETS_MAX) {
    return ok(name, `CHAT_PRESENCE=${presence}, for ${socketCount} sockets`)
  }
  const reason = `each of ${socketCount} sockets is told whenever anybody comes or goes`
  return warning(name, `CHAT_PRESENCE=all: ${reason}. Set CHAT_PRESENCE=contacts`)
}

/** @param addresses of all sockets */
export function checkProxy(trustProxy: boolean, addresses: string[]): Finding {
  const name = 'addresses'
  const isProxied = addresses.length > LOOPBACK_SOCKETS_MAX && addresses.every(isLoopback)
  if (trustProxy || !isProxied) return ok(name, `CHAT_TRUST_PROXY=${trustProxy ? 'on' : 'off'}`)
  const reason = `all ${addresses.length} sockets come from this machine, so a proxy speaks for others`
  const advice = 'Limits for each address count all as one. Set CHAT_TRUST_PROXY=on'
  return warning(name, `${reason}. ${advice}`)
}
