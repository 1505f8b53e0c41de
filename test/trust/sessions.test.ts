import { expect, test } from 'vitest'
import { connect, post, TestSocket } from '../support/clients.ts'
import { prepareDaemon } from '../support/open-daemon.ts'
import { runProgram, startChat } from '../support/processes.ts'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/tokens.ts'
import { waitFor } from '../support/wait.ts'
import { startPhpApplication, startWebApplication } from '../support/web-application.ts'

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

test('chat-websocket disconnect closes all sockets of a user, after what they were to be told', async () => {
  const { daemon, folder, api } = await startChat()
  const sockets = [await connect(daemon.url, 5), await connect(daemon.url, 5)]
  const another = await connect(daemon.url, 6)
  await post(`${api.url}/chat_websocket_broadcast.php`, { event: 'last words', data: {} })

  const { code, output } = await runProgram('chat-websocket', ['disconnect', '5'], folder)

  expect({ code, output }).toEqual({
    code: 0,
    output: expect.stringMatching(/^Event \d+ queued: it disconnects user 5\n$/),
  })
  for (const socket of sockets) {
    expect(await socket.whenClosed()).toEqual(SIGNED_OUT)
    expect(namesOf(socket)).toEqual(['chat:connected', 'last words'])
  }
  await another.settled()
  await daemon.program.printed(/(Audit: disconnected, from 127\.0\.0\.1: user 5, signed out)/)
})

test('chat-websocket disconnect takes one user id', async () => {
  const { folder } = await startChat()
  for (const argument of ['0', 'everybody', '-1']) {
    const { code, output } = await runProgram(
      'chat-websocket',
      ['disconnect', '--', argument],
      folder,
    )
    expect({ argument, code, output }).toEqual({
      argument,
      code: 1,
      output: expect.stringContaining('user_id takes a positive integer'),
    })
  }
})

test('the event chat:disconnect closes the sockets in every mode, and is told to nobody', async () => {
  const token = (userId: number) => signedWithSecret(claimsOf(userId))
  const { api, daemon } = await startChat({ CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET })
  const broadcast = (event: string, to: object) =>
    post(`${api.url}/chat_websocket_broadcast.php`, { event, data: {}, ...to })
  const first = await connect(daemon.url, 5, { token: token(5) })
  const second = await connect(daemon.url, 6, { token: token(6) })

  await broadcast('chat:disconnect', { user_id: 5 })
  expect(await first.whenClosed()).toEqual(SIGNED_OUT)
  // It is not remembered either: who comes back stays.
  const back = await connect(daemon.url, 5, { token: token(5), last_message_id: '0' })
  await broadcast('shop:news', {})
  for (const socket of [back, second]) await socket.event('shop:news')

  await broadcast('chat:disconnect', {})
  for (const socket of [back, second]) expect(await socket.whenClosed()).toEqual(SIGNED_OUT)
  for (const socket of [first, second, back])
    expect(namesOf(socket)).not.toContain('chat:disconnect')
})

test('chat:disconnect that waited for the daemon to start is for nobody', async () => {
  const { chat, start } = await prepareDaemon()
  await chat.events.broadcast('chat:disconnect', 5, {})
  await chat.events.broadcast('shop:news', 5, {})
  const socket = await connect(await start(), 5)
  await socket.event('shop:news')
  await socket.settled()
  expect(namesOf(socket)).toEqual(['chat:connected', 'shop:news', 'pong'])
})

function namesOf(socket: TestSocket): string[] {
  return socket.frames.map(({ event }) => event).filter((event) => event !== 'chat:user_status')
}

function withoutTime(line: string): string {
  return line.replace(/^\S+ \S+ \w+ +/, '').trimEnd()
}
