import { expect, test } from 'vitest'
import { startPhpApplication, startWebApplication } from '../support/auth.ts'
import { TestSocket } from '../support/clients.ts'
import { prepareDaemon } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

const SIGNED_OUT = { code: 4401, reason: 'You were signed out: log in again' }
const SHOP = 'https://shop.example'
const SESSION_CHECK_MS = 300
/** How long an answer of the application is believed, and a moment. */
const BELIEVED_MS = 20_000

/** A daemon that asks the application at `url`, and again after SESSION_CHECK_MS. */
async function openWithCallback(url: string) {
  const settings = {
    CHAT_AUTH: 'callback',
    CHAT_AUTH_CALLBACK_URL: url,
    CHAT_ALLOWED_ORIGINS: SHOP,
  }
  const daemon = await prepareDaemon({ sessionCheckMs: SESSION_CHECK_MS }, settings)
  const daemonUrl = await daemon.start()
  const connectAs = async (session: string) => {
    const socket = new TestSocket(daemonUrl, { headers: { cookie: `PHPSESSID=${session}` } })
    await socket.event('chat:connected')
    return socket
  }
  return { ...daemon, connectAs }
}

test('a session that ends in the application ends the sockets, and only its own', {
  timeout: 60_000,
}, async () => {
  const sessions: Record<string, object> = { john: { user_id: 5 }, jane: { user_id: 6 } }
  const { url } = await startPhpApplication(sessions as never)
  const { connectAs, lines } = await openWithCallback(url)
  const [john, jane] = [await connectAs('john'), await connectAs('jane')]

  delete sessions.john

  await waitFor(() => john.closed !== undefined, 'the end of John', BELIEVED_MS)
  expect(john.closed).toEqual(SIGNED_OUT)
  await jane.settled()
  expect(lines.map(withoutTime)).toEqual([
    'Audit: disconnected, from 127.0.0.1: user 5, no longer logged in',
  ])
})

test('a session that is another user’s by now ends the sockets of the first', {
  timeout: 60_000,
}, async () => {
  const sessions: Record<string, object> = { john: { user_id: 5 } }
  const { url } = await startPhpApplication(sessions as never)
  const { connectAs } = await openWithCallback(url)
  const john = await connectAs('john')

  sessions.john = { user_id: 6 }

  await waitFor(() => john.closed !== undefined, 'the end of John', BELIEVED_MS)
  expect(john.closed).toEqual(SIGNED_OUT)
})

test('an application that is down ends nobody’s session, and is logged once', {
  timeout: 60_000,
}, async () => {
  let isDown = false
  let askedCount = 0
  const url = await startWebApplication((request, response) => {
    askedCount += 1
    if (isDown) request.socket.destroy()
    else response.end('{"user_id": 5}')
  })
  const { connectAs, lines } = await openWithCallback(url)
  const sockets = await Promise.all(Array.from({ length: 10 }, () => connectAs('john')))

  isDown = true
  await waitFor(() => askedCount > 20, 'many questions', BELIEVED_MS)
  isDown = false
  await waitFor(() => lines.length > 1, 'an answer', BELIEVED_MS)

  for (const socket of sockets) await socket.settled()
  expect(lines.map(withoutTime)).toEqual([
    expect.stringMatching(/^Logins cannot be checked: .*did not answer/),
    'Logins can be checked again',
  ])
})

test('many sockets are asked about a few at a time', { timeout: 60_000 }, async () => {
  let openCount = 0
  let mostAtOnce = 0
  let askedCount = 0
  let isSlow = false
  const url = await startWebApplication((request, response) => {
    askedCount += 1
    openCount += 1
    mostAtOnce = Math.max(mostAtOnce, isSlow ? openCount : 0)
    const userId = /PHPSESSID=(\d+)/.exec(request.headers.cookie ?? '')?.[1]
    const answer = () => {
      openCount -= 1
      response.end(`{"user_id": ${userId}}`)
    }
    setTimeout(answer, isSlow ? 20 : 0)
  })
  const { connectAs } = await openWithCallback(url)
  const sockets = await Promise.all(
    Array.from({ length: 40 }, (_, at) => connectAs(String(at + 1))),
  )
  isSlow = true
  await waitFor(() => askedCount >= 2 * sockets.length, 'everybody to be asked about', BELIEVED_MS)
  expect(mostAtOnce).toBeLessThanOrEqual(4)
  for (const socket of sockets) await socket.settled()
})

function withoutTime(line: string): string {
  return line.replace(/^\S+ \S+ \w+ +/, '').trimEnd()
}
