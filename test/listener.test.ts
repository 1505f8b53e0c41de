import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { limits } from '../src/limits/limits.ts'
import { Listener, type ListenerOptions } from '../src/listener.ts'
import { readCertificate } from '../src/tls.ts'
import { makeCertificate } from './support/certificate.ts'
import { temporaryFolder } from './support/folders.ts'
import { waitFor } from './support/wait.ts'

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void

const answerAtOnce: OnRequest = (_, response) => response.end('here')

/** Returns the port. */
async function listen(
  options: Partial<ListenerOptions>,
  onRequest = answerAtOnce,
): Promise<number> {
  const listener = new Listener(
    {
      certificate: undefined,
      connectionsMax: 100,
      perAddress: undefined,
      requestTimeoutMs: 60_000,
      ...options,
    },
    { onRequest },
  )
  onTestFinished(async () => {
    listener.closeAllConnections()
    await listener.close()
  })
  return listener.listen(0, '127.0.0.1', 'CHAT_API_PORT')
}

interface Peer {
  socket: Socket
  text: string
}

/** Connects and asks, from an address of this machine. */
function ask(port: number, localAddress = '127.0.0.1'): Peer {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  const peer: Peer = { socket, text: '' }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    peer.text += chunk
  })
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  onTestFinished(() => void socket.destroy())
  return peer
}

const isAnswered = ({ text }: Peer) => text.endsWith('here')
const isDropped = ({ socket, text }: Peer) => socket.closed && text === ''

test('an address has as many connections as it may, others have theirs, and one that closes makes room', async () => {
  const port = await listen({ perAddress: { ...limits.httpConnectionsPerAddress, max: 3 } })
  const peers = [ask(port), ask(port), ask(port)]
  await waitFor(() => peers.every(isAnswered), 'three answers')

  const dropped = ask(port)
  const other = ask(port, '127.0.0.2')

  await waitFor(() => isDropped(dropped) && isAnswered(other), 'one to be dropped')
  peers[0]?.socket.destroy()
  const isLetIn = async () => {
    const next = ask(port)
    await waitFor(() => isAnswered(next) || isDropped(next), 'an answer or none')
    return isAnswered(next)
  }
  await waitFor(isLetIn, 'the next to be let in')
})

test('when all connections are taken, those that do nothing give way', async () => {
  const port = await listen({ connectionsMax: 3 })
  const peers = [ask(port), ask(port), ask(port)]
  await waitFor(() => peers.every(isAnswered), 'three answers')

  const dropped = ask(port)
  await waitFor(() => isDropped(dropped), 'the one too many to be dropped')

  await waitFor(() => peers.every(({ socket }) => socket.closed), 'idle ones to be closed')
  const next = ask(port)
  await waitFor(() => isAnswered(next), 'the next to be answered')
})

test('when all connections are busy, one more is dropped and they stay', async () => {
  const open: ServerResponse[] = []
  const port = await listen({ connectionsMax: 3 }, (_, response) => open.push(response))
  const peers = [ask(port), ask(port), ask(port)]
  await waitFor(() => open.length === 3, 'three requests')

  const dropped = ask(port)

  await waitFor(() => isDropped(dropped), 'the one too many to be dropped')
  for (const response of open) response.end('here')
  await waitFor(() => peers.every(isAnswered), 'three answers')
})

test('a connection is closed with the last of the requests that it may make', async () => {
  const port = await listen({})
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const get = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', agent }, (response) => {
        response.resume().on('end', () => resolve(response.headers.connection))
      })
      asked.on('error', reject).end()
    })
  const { max } = limits.requestsPerConnection
  for (let count = 1; count < max; count += 1) {
    const connection = await get()
    if (connection !== 'keep-alive') expect(`${count} ${connection}`).toBe('keep-alive')
  }
  expect(await get()).toBe('close')
  expect(await get()).toBe('keep-alive')
})

test('over TLS, too, one request after the other is answered on a connection', async () => {
  const files = makeCertificate(temporaryFolder(), 'localhost')
  const certificate = readCertificate({ tlsCert: files.cert, tlsKey: files.key })
  const answerLater: OnRequest = (_, response) => void setImmediate(() => response.end('here'))
  const port = await listen({ certificate }, answerLater)
  const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  onTestFinished(() => agent.destroy())
  const sockets = new Set<object>()
  const get = () =>
    new Promise<void>((resolve, reject) => {
      const asked = tlsRequest({ port, host: '127.0.0.1', agent }, (response) => {
        sockets.add(response.socket)
        response.resume().on('end', resolve)
      })
      asked.on('error', reject).end()
    })
  for (let count = 1; count <= 300; count += 1) await get()
  expect(sockets.size).toBe(1)
})
