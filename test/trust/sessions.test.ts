import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { connect, post, type TestSocket } from '../support/clients.ts'
import { prepareDaemon, startChat } from '../support/in-process.ts'
import { runProgram } from '../support/processes.ts'

const SIGNED_OUT = { code: 4401, reason: 'You were signed out: log in again' }
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
