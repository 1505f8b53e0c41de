const UPLOADS = '/uploads/'

/**
 * Where a file of the chat is to be had from `apiUrl`, whatever CHAT_PUBLIC_URL calls that server:
 * a page must not need another origin than its own. Undefined for a file from anywhere else.
 */
export function urlBelow(apiUrl: string, url: string): string | undefined {
  const start = url.lastIndexOf(UPLOADS)
  return start === -1 ? undefined : `${apiUrl}${url.slice(start)}`
}
