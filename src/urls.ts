import type { IncomingMessage } from 'node:http'

/** The path that a request asks for, as it was written. */
export function pathOf(request: IncomingMessage): string {
  const { url = '/' } = request
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** The query string, without the question mark; '' when there is none. */
export function queryOf(request: IncomingMessage): string {
  const url = request.url ?? ''
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

/** An address as it stands in a URL. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
