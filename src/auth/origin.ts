import type { IncomingMessage } from 'node:http'

/**
 * Whether a page of this origin may use the chat. Programs other than browsers send no Origin, and
 * are not whom it protects from; a page that was served from the very address it talks to is at home.
 */
export function isAllowedOrigin(request: IncomingMessage, allowedOrigins: string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowedOrigins.includes('*')) return true
  const isAtHome = URL.canParse(origin) && new URL(origin).host === host
  return isAtHome || allowedOrigins.includes(origin)
}
