import { isIPv6 } from 'node:net'

/**
 * The key of an address for limits. An IPv6 client owns a /64, and could use another address for
 * every request, so the key is the /64; an IPv4 address written as IPv6 is that IPv4 address.
 * Anything else is its own key.
 */
export function addressKey(address: string): string {
  if (!address.includes(':') || !isIPv6(address)) return address
  const groups = ipv6Groups(address.replace(/%.*$/, ''))
  if (groups.slice(0, 6).join() === IPV4_AS_IPV6) return dotted(groups.slice(6))
  const network = groups.slice(0, 4).map((group) => group.toString(16))
  return `${network.join(':')}::/64`
}

/** ::ffff:0:0/96 */
const IPV4_AS_IPV6 = [0, 0, 0, 0, 0, 0xffff].join()

function dotted(groups: number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
}

/** The eight numbers of an IPv6 address, in any spelling. */
function ipv6Groups(address: string): number[] {
  // The shortest way to write it: hexadecimal, with at most one `::`.
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [start, end] = written.split('::').map((half) => half.split(':').filter(Boolean))
  const given = [...(start ?? []), ...(end ?? [])].map((group) => Number.parseInt(group, 16))
  const zeros = new Array(8 - given.length).fill(0)
  return given.toSpliced(start?.length ?? 0, 0, ...zeros)
}
