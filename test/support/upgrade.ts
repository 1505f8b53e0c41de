import { request } from 'node:http'

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
    const asked = request(url.replace(/^ws/, 'http'), { headers, localAddress, agent: false })
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
