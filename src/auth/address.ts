import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * The client's address. Behind a proxy it is the last one of X-Forwarded-For, which the proxy
 * itself saw: the client can forge those before it. If that is no address ('unknown'), it is the
 * proxy's.
 */
export function clientAddress(request: IncomingMessage, trustProxy: boolean): string {
  const peer = request.socket.remoteAddress ?? ''
  const forwarded = trustProxy ? forwardedFor(request)?.split(',').at(-1) : undefined
  return forwarded === undefined ? peer : (addressIn(forwarded.trim()) ?? peer)
}

/** Some proxies add the port: '203.0.113.1:50000', '[2001:db8::1]:50000'. */
function addressIn(entry: string): string | undefined {
  const [, ipv6, ipv4] = /^(?:\[(.*)\]|([\d.]+))(?::\d+)?$/.exec(entry) ?? []
  const address = (ipv6 ?? ipv4 ?? entry).replace(/%.*$/, '')
  return isIP(address) === 0 ? undefined : address
}

function forwardedFor(request: IncomingMessage): string | undefined {
  const header = request.headers['x-forwarded-for']
  return Array.isArray(header) ? header.join(',') : header
}
