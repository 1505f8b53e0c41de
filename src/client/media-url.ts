const UPLOADS = '/uploads/'
/** What leads out of a folder, in each spelling that a browser or a server behind it would see. */
const WAY_OUT = /\.\.|%2e|%2f|%5c|[\\\t\n\r]/i

/**
 * Where a file of the chat is to be had from `apiUrl`, whatever CHAT_PUBLIC_URL calls that server:
 * a page must not need another origin than its own. Undefined for a file from anywhere else, and
 * for what would be asked of the page's own server in the reader's name.
 */
export function urlBelow(apiUrl: string, url: string): string | undefined {
  const [path = ''] = url.split(/[?#]/, 1)
  const start = path.lastIndexOf(UPLOADS)
  if (start === -1 || WAY_OUT.test(path.slice(start))) return undefined
  return `${apiUrl}${url.slice(start)}`
}
