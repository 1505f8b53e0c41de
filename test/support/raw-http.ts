import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A TCP connection to a server, for requests that no decent client would make. */
export async function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

export interface RawAnswer {
  status: number
  body: string
}

/** Sends bytes as they stand; returns the answer, once the server has closed the connection. */
export async function exchange(url: string, request: string | Buffer): Promise<RawAnswer> {
  const socket = await openSocket(url)
  socket.write(request)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk)
  const [head = '', ...body] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  return { status: Number(head.split(' ')[1]), body: body.join('\r\n\r\n') }
}

/** GETs a path that `new URL` would tidy up first. */
export async function getRawPath(url: string, path: string): Promise<RawAnswer> {
  return exchange(url, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
}

/** What asks for a WebSocket. */
export const UPGRADE_HEADERS = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

/** The same as bytes for a bare connection. */
export function upgradeRequest(target: string): string {
  const headers = Object.entries({ Host: 'localhost', ...UPGRADE_HEADERS })
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
}

export interface UpgradeAnswer {
  /** 101 for a socket. */
  status: number
  retryAfter: string | undefined
  /** The subprotocol that was chosen. */
  protocol: string | undefined
}

/**
 * Asks for a WebSocket and hangs up once that is answered: much cheaper than a client, and it sees
 * the HTTP status, which browsers hide.
 */
export function askForUpgrade(
  url: string,
  options: { headers?: Record<string, string>; localAddress?: string } = {},
): Promise<UpgradeAnswer> {
  const { localAddress = '127.0.0.1' } = options
  const headers = { ...UPGRADE_HEADERS, ...options.headers }
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url.replace(/^ws/, 'http'), { headers, localAddress, agent: false })
    asked.on('upgrade', (response, socket) => {
      socket.on('error', () => {})
      socket.destroy()
      const protocol = response.headers['sec-websocket-protocol']
      resolve({ status: response.statusCode ?? 0, retryAfter: undefined, protocol })
    })
    asked.on('response', (response) => {
      response.resume()
      const { statusCode: status = 0, headers: answered } = response
      resolve({ status, retryAfter: answered['retry-after'], protocol: undefined })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** A client that asks for a WebSocket and never reads a byte: a phone that has left the network. */
export async function connectStuckReader(daemonUrl: string, userId: number): Promise<Socket> {
  const socket = await openSocket(daemonUrl)
  socket.pause()
  socket.write(upgradeRequest(`/?user_id=${userId}`))
  return socket
}
