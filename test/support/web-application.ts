import type { IncomingMessage, RequestListener } from 'node:http'
import { onTestFinished } from 'vitest'
import { openWebServer } from './web-server.ts'

/** A program of the shop's own beside the chat, on a port of its own; returns its URL. */
export async function startWebApplication(listener: RequestListener): Promise<string> {
  const { url, close } = await openWebServer(listener)
  onTestFinished(close)
  return url
}

type Session = Record<string, unknown>

/**
 * Stands in for a PHP application with sessions: `chat_whoami.php` knows visitors by their PHPSESSID
 * cookie or their Authorization header. `asked` are the requests that it got.
 */
export async function startPhpApplication(sessions: Record<string, Session>) {
  const asked: IncomingMessage[] = []
  const url = await startWebApplication((request, response) => {
    asked.push(request)
    const { cookie = '', authorization = '' } = request.headers
    const sessionId = /PHPSESSID=(\w+)/.exec(cookie)?.[1] ?? authorization
    const session = sessions[sessionId]
    response.writeHead(session === undefined ? 401 : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(session ?? {}))
  })
  return { url: `${url}/chat_whoami.php`, asked }
}
