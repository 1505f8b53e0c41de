import type { IncomingMessage } from 'node:http'

/**
 * Whether a page of this origin may use the chat. A page of the same origin may; programs other
 * than browsers send no Origin, and this check is not for them.
 */
export function isAllowedOrigin(request: IncomingMessage, allowedOrigins: string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowedOrigins.includes('*')) return true
  const isSameOrigin = URL.canParse(origin) && new URL(origin).host === host
  return isSameOrigin || allowedOrigins.includes(origin)
}
