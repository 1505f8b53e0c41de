import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import type { Chat } from '../chat/chat.ts'
import type { ClientConfig } from './endpoint.ts'

/** A host that is safe in a header: URLs allow more, such as a semicolon. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])$/i

type Options = Pick<ClientConfig, 'publicWsUrl' | 'wsPort'>

/** The URL that a page from this host connects to: the first of `websocketUrls`. */
export async function websocketUrl(
  chat: Chat,
  request: IncomingMessage,
  options: Options,
): Promise<string> {
  const [url] = await websocketUrls(chat, request, options)
  return url as string
}

/**
 * The URLs of the daemons for a page from this host: CHAT_PUBLIC_WS_URL, or the daemons' ports on
 * this host, that of a daemon on this machine first; the port of the settings while no daemon runs.
 * Not the daemons' own addresses: 127.0.0.1 is the client's own machine.
 */
export async function websocketUrls(
  { daemons }: Chat,
  request: IncomingMessage,
  { publicWsUrl, wsPort }: Options,
): Promise<string[]> {
  if (publicWsUrl !== '') return [publicWsUrl]
  const here = hostname()
  const living = await daemons.list(here).catch(() => [])
  const ordered = [
    ...living.filter((daemon) => daemon.hostname === here),
    ...living.filter((daemon) => daemon.hostname !== here),
  ]
  const addresses = ordered.map(({ address }) => address)
  if (addresses.length === 0) addresses.push(`ws://localhost:${wsPort}`)
  const host = hostOf(request)
  return [...new Set(addresses.map((address) => onHost(address, host)))]
}

function onHost(address: string, host: string): string {
  const url = new URL(address)
  url.hostname = host
  return url.href.replace(/\/$/, '')
}

function hostOf(request: IncomingMessage): string {
  const url = `http://${request.headers.host ?? ''}`
  const host = URL.canParse(url) ? new URL(url).hostname : ''
  return HOST.test(host) ? host : 'localhost'
}
