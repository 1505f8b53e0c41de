import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { makeCertificate } from '../support/certificate.ts'
import { TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat, startDaemon } from '../support/processes.ts'
import { openSocket } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

/** 10 s, a second until that is looked at, and the patience of a busy machine. */
const CUT_MS = 10_000 + 1_000 + 9_000

/** A client that says this much, and then waits. Resolves with what it was told, when it is cut. */
async function wait(
  url: string,
  said: string,
): Promise<{ url: string; said: string; told: string }> {
  const socket: Socket = await openSocket(url)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(said)
  await waitFor(
    () => socket.closed,
    `the cut of who said ${JSON.stringify(said)} to ${url}`,
    CUT_MS,
  )
  const [told = ''] = Buffer.concat(chunks).toString('latin1').split('\r\n')
  return { url, said, told }
}

/** A kernel's queue of new connections has a few hundred places. */
const IN_ONE_GO = 250

const TIMED_OUT = 'HTTP/1.1 408 Request Timeout'
const HALF_A_HEAD = 'GET /?user_id=1 HTTP/1.1\r\nHost: localhost\r\nX-Slow'

test('whoever takes too long to say what they want is told so and cut, at both doors', {
  timeout: 60_000,
}, async () => {
  const { api, daemon, folder } = await startChat()
  const certificate = makeCertificate(folder, 'localhost')
  const tls = { CHAT_TLS_CERT: certificate.cert, CHAT_TLS_KEY: certificate.key }
  const encrypted = await startChat(tls, temporaryFolder())
  const [apiUrl, daemonUrl] = [api.url, daemon.url]

  const cut = await Promise.all([
    wait(apiUrl, HALF_A_HEAD),
    wait(apiUrl, 'G'),
    wait(apiUrl, ''),
    wait(daemonUrl, HALF_A_HEAD),
    wait(daemonUrl, 'G'),
    wait(daemonUrl, ''),
    wait(daemonUrl, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhal'),
    // Not even the handshake of TLS.
    wait(encrypted.api.url, ''),
    wait(encrypted.daemon.url, ''),
    wait(encrypted.daemon.url, '\x16\x03\x01'),
  ])

  expect(cut.map(({ said, told }) => [said, told])).toEqual([
    [HALF_A_HEAD, TIMED_OUT],
    ['G', TIMED_OUT],
    ['', TIMED_OUT],
    [HALF_A_HEAD, TIMED_OUT],
    ['G', TIMED_OUT],
    ['', TIMED_OUT],
    [cut[6]?.said, 'HTTP/1.1 426 Upgrade Required'],
    ['', ''],
    ['', ''],
    ['\x16\x03\x01', ''],
  ])
})

test.each(['ws', 'wss'])(
  'an address may have so many %s handshakes under way, and others theirs',
  {
    timeout: 60_000,
  },
  async (scheme) => {
    const folder = temporaryFolder()
    const certificate = makeCertificate(folder, 'localhost')
    const tls = { CHAT_TLS_CERT: certificate.cert, CHAT_TLS_KEY: certificate.key }
    const { url } = await startDaemon(folder, scheme === 'wss' ? tls : {})
    const { max } = limits.handshakes
    const openSilent = async () => (await openSocket(url)).resume()
    const silent: Socket[] = []
    while (silent.length < max) {
      const places = Math.min(IN_ONE_GO, max - silent.length)
      silent.push(...(await Promise.all(Array.from({ length: places }, openSilent))))
    }

    const dropped = await openSilent()
    await waitFor(() => dropped.closed, 'one more to be dropped')

    const from = (localAddress: string) => {
      const secureUrl = url.replace('ws:', `${scheme}:`)
      const options = { localAddress, rejectUnauthorized: false }
      return new TestSocket(`${secureUrl}/?user_id=1`, options)
    }
    expect(silent.filter(({ closed }) => closed)).toEqual([])
    await from('127.0.0.2').event('chat:connected')
    expect((await from('127.0.0.1').whenClosed()).code).toBe(1006)
    // Those that have become sockets are no handshakes any more, nor are those that are gone.
    silent[0]?.destroy()
    for (let count = 1; count <= 5; count += 1) {
      const isIn = async () => {
        const socket = from('127.0.0.1')
        await waitFor(() => socket.frames.length > 0 || socket.closed !== undefined, 'an answer')
        return socket.frames.length > 0
      }
      await waitFor(isIn, 'a place')
    }
  },
)
