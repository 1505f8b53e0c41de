import { once } from 'node:events'
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
