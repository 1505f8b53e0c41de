import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/**
 * Where a request came from. Behind a proxy that is the last address of X-Forwarded-For, the one the
 * proxy itself saw: those before it are the client's word. A proxy that names no address there
 * ('unknown') speaks for itself.
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
