import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import type { ClientConfig } from './endpoint.ts'

/** A host that is safe in a header: URLs allow more, such as a semicolon. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])$/i

/**
 * The URL that a page from this host connects to: CHAT_PUBLIC_WS_URL, or the daemon's port on this
 * host; the port of the settings while no daemon runs. Not the daemon's own address: 127.0.0.1 is
 * the client's own machine.
 */
export async function websocketUrl(
  { daemons }: Chat,
  request: IncomingMessage,
  { publicWsUrl, wsPort }: Pick<ClientConfig, 'publicWsUrl' | 'wsPort'>,
): Promise<string> {
  if (publicWsUrl !== '') return publicWsUrl
  const [daemon] = await daemons.list(hostname()).catch(() => [])
  const url = new URL(daemon?.address ?? `ws://localhost:${wsPort}`)
  url.hostname = hostOf(request)
  return url.href.replace(/\/$/, '')
}

function hostOf(request: IncomingMessage): string {
  const url = `http://${request.headers.host ?? ''}`
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return HOST.test(host) ? host : 'localhost'
}
