import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { Backoff } from '../../src/client/backoff.ts'
import { whoAmI } from '../../src/client/chat-client.ts'
import { connect, createClient, listen, online } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { runProgram } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const SECRET = 'a secret of the tests, of more than 32 characters'
const JWT = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: SECRET }

async function mintToken(folder: string, userId: number, validSeconds = 60): Promise<string> {
  const args = ['token', String(userId), '--valid', String(validSeconds)]
  return (await runProgram('chat-websocket', args, folder, JWT)).output.trim()
}

const CONNECTED = {
  user_id: 1,
  message: 'Successfully connected to chat server',
  timestamp: '2026-01-23 20:30:45',
  connected_users: 1,
}

/** A server that says hello, or closes each socket with the next of these codes while it has any. */
async function startServer(codes: number[] = []): Promise<{ url: string; count: () => number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  let count = 0
  server.on('connection', (socket) => {
    count += 1
    const code = codes.shift()
    if (code !== undefined) socket.close(code, `because of ${code}`)
    else socket.send(JSON.stringify({ event: 'chat:connected', data: CONNECTED }))
  })
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `ws://127.0.0.1:${port}`, count: () => count }
}

test('the states go from idle over connecting to online, and back to idle', async () => {
  const chat = await startChat()
  const client = createClient(1, chat)
  const states = listen(client, 'state')
  expect(client.state.status).toBe('idle')

  await online(client)
  client.disconnect()

  expect(states.map(({ status }) => status)).toEqual(['connecting', 'online', 'idle'])
})

test('a restart is waited for, saying until when and why', async () => {
  const chat = await startChat()
  const client = await online(createClient(1, chat))
  const states = listen(client, 'state')

  await chat.daemon.program.stop('SIGUSR2')
  await waitFor(() => states.length > 0, 'the state to change')

  expect(states[0]).toMatchObject({ status: 'waiting', code: 1012 })
  expect(states[0]?.reason).toMatch(/restarting/)
  expect(states[0]?.retryAt).toBeTypeOf('number')
})

test('a bad user id, 4400, is not tried again', async () => {
  const chat = await startChat()
  const client = createClient(0, chat)

  client.connect()
  await waitFor(() => client.state.status === 'stopped', 'the client to stop')

  expect(client.state).toMatchObject({ code: 4400 })
  expect(client.state.reason).toMatch(/user_id/)
})

test("another's user id, 4403, is not tried again", async () => {
  const chat = await startChat(JWT)
  const token = await mintToken(chat.folder, 1)
  const client = createClient(2, chat, { token: () => token })

  client.connect()
  await waitFor(() => client.state.status === 'stopped', 'the client to stop')

  expect(client.state.code).toBe(4403)
})

test('after 4401 a new token is asked for once; a stranger who stays one is stopped', async () => {
  const chat = await startChat(JWT)
  const tokens = ['not.a.token', await mintToken(chat.folder, 1)]
  let asked = 0
  const client = createClient(1, chat, { token: () => tokens[asked++] ?? 'none' })
  await online(client)
  expect(asked).toBe(2)

  let refused = 0
  const stranger = createClient(1, chat, { token: () => `stranger.${refused++}` })
  stranger.connect()
  await waitFor(() => stranger.state.status === 'stopped', 'the stranger to be stopped')
  expect(stranger.state.code).toBe(4401)
  expect(refused).toBe(2)
})

test('a token that expires is replaced, and the socket comes back', async () => {
  const chat = await startChat(JWT)
  const tokens = [await mintToken(chat.folder, 1, 2), await mintToken(chat.folder, 1)]
  let asked = 0
  const client = createClient(1, chat, { token: () => tokens[asked++] ?? 'none' })
  const states = listen(client, 'state')
  await online(client)

  await waitFor(() => states.some(({ code }) => code === 4401), 'the token to expire')
  await waitFor(() => client.state.status === 'online', 'the client to be back')
  expect(asked).toBe(2)
})

test('after the codes that say so it connects again, and after the others it does not', async () => {
  const codes = [1001, 1011, 1012, 1009, 4408, 4409, 4429]
  const server = await startServer([...codes])
  const client = createClient(1, { api: { url: '' }, daemon: server })
  const states = listen(client, 'state')
  await online(client)

  const waits = states.filter(({ status }) => status === 'waiting').map(({ code }) => code)
  expect(waits).toEqual(codes)
  expect(server.count()).toBe(codes.length + 1)

  for (const code of [4400, 4403]) {
    const refusing = await startServer([code])
    const refused = createClient(1, { api: { url: '' }, daemon: refusing })
    refused.connect()
    await waitFor(() => refused.state.status === 'stopped', `${code} to stop it`)
    expect(refused.state).toMatchObject({ code, reason: `because of ${code}` })
  }
})

test('a server that says nothing any more is given up, and asked again', async () => {
  const server = await startServer()
  const client = createClient(
    1,
    { api: { url: '' }, daemon: server },
    { pingAfterMs: 20, silenceMs: 50 },
  )
  const states = listen(client, 'state')
  client.connect()

  await waitFor(() => server.count() >= 2, 'a second socket')

  expect(states.find(({ status }) => status === 'waiting')?.reason).toMatch(/not answer/)
})

test('pings keep a quiet connection', async () => {
  const chat = await startChat()
  const client = createClient(1, chat, { pingAfterMs: 20, silenceMs: 5_000 })
  const states = listen(client, 'state')
  let pongs = 0
  class CountingSocket extends WebSocket {
    override emit(event: string | symbol, ...args: unknown[]): boolean {
      if (event === 'message' && String(args[0]).includes('pong')) pongs += 1
      return super.emit(event, ...args)
    }
  }
  const counting = createClient(1, chat, { WebSocket: CountingSocket, pingAfterMs: 20 })
  client.connect()
  counting.connect()

  await waitFor(() => pongs >= 3, 'three pongs')

  expect(states.map(({ status }) => status)).toEqual(['connecting', 'online'])
})

test('wake tries at once, however long the wait was to be', async () => {
  const server = await startServer([1011])
  const backoff = { baseMs: 3_600_000, maxMs: 3_600_000, random: () => 1 }
  const client = createClient(1, { api: { url: '' }, daemon: server }, { backoff })
  client.connect()
  await waitFor(() => client.state.status === 'waiting', 'the first try to fail')

  client.wake()

  await waitFor(() => client.state.status === 'online', 'the second try')
})

test('waits double up to their limit, spread over the whole span, and start anew', () => {
  const longest = new Backoff({ baseMs: 1_000, maxMs: 30_000, random: () => 1 })
  const waits = Array.from({ length: 7 }, () => longest.next())
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  longest.reset()
  expect(longest.next()).toBe(1_000)

  const shortest = new Backoff({ baseMs: 1_000, maxMs: 30_000, random: () => 0 })
  expect([shortest.next(), shortest.next()]).toEqual([0, 0])
})

test('whoAmI says whose a token is, and passes on why nobody is let in', async () => {
  const chat = await startChat(JWT)
  const token = await mintToken(chat.folder, 42)

  expect(await whoAmI(chat.daemon.url, token, WebSocket)).toBe(42)
  await expect(whoAmI(chat.daemon.url, 'x.y.z', WebSocket)).rejects.toThrow(/token/)
})

test('typing is said once for many keystrokes, and that it ended when the message is sent', async () => {
  const chat = await startChat()
  const client = await online(createClient(1, chat))
  const receiver = await connect(chat.daemon.url, 2)

  for (let keystroke = 0; keystroke < 10; keystroke += 1) client.typing(2)
  await client.sendText(2, 'done')

  await receiver.event('chat:typing', 2)
  await receiver.event('chat:message')
  expect(receiver.all('chat:typing')).toEqual([
    { sender_id: 1, is_typing: true },
    { sender_id: 1, is_typing: false },
  ])
})
