import { expect, test } from 'vitest'
import { get, post, TestSocket } from '../support/clients.ts'
import { askApi, askDaemon, askSocket, LISTED } from '../support/doors.ts'
import {
  runProgram,
  startApi,
  startChat,
  startDaemon,
  temporaryFolder,
} from '../support/processes.ts'
import {
  type Claims,
  claimsOf,
  inSeconds,
  JWT_SECRET,
  signedWithSecret,
} from '../support/tokens.ts'

const SETTINGS = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }

function bearer(claims: Claims) {
  return { authorization: `Bearer ${signedWithSecret(claims)}` }
}

test('a token comes in a header, in the query, or among the subprotocols', async () => {
  const { api, daemon } = await startChat(SETTINGS)
  const token = signedWithSecret(claimsOf(5))

  expect(await askApi(api.url, 5, { authorization: `bearer  ${token}` })).toBe(LISTED)
  const byQuery = await get(`${api.url}/get_conversations.php?user_id=5&token=${token}`)
  expect(byQuery.status).toBe(200)

  const connected = 'connected as 5'
  expect(await askDaemon(daemon.url, 5, { authorization: `Bearer ${token}` })).toBe(connected)
  expect(await askSocket(`${daemon.url}/?user_id=5&token=${token}`)).toBe(connected)
  expect(await askSocket(daemon.url, { protocols: [`bearer.${token}`] })).toBe(connected)
})

test('a browser is given the subprotocol that it named beside its token', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const token = `bearer.${signedWithSecret(claimsOf(5))}`
  const chosen = async (protocols: string[]) => {
    const socket = new TestSocket(`${url}/?user_id=5`, { protocols })
    await socket.event('chat:connected')
    return socket.socket.protocol
  }
  expect(await chosen(['chat', token])).toBe('chat')
  expect(await chosen([token, 'chat'])).toBe('chat')
  // It insists on one of those that it offered.
  expect(await chosen([token])).toBe(token)
})

test('a bad token among the subprotocols is refused with the reason', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const protocols = ['chat', `bearer.${signedWithSecret(claimsOf(5), 'x'.repeat(40))}`]
  expect(await askSocket(url, { protocols })).toBe('4401 The token is not valid')
})

test('a bad token is not made up for by a good one in another place', async () => {
  const { api } = await startChat(SETTINGS)
  const good = signedWithSecret(claimsOf(5))
  const answer = await get(`${api.url}/get_conversations.php?user_id=5&token=${good}`, {
    authorization: 'Bearer bad',
  })
  expect(answer.status).toBe(401)
})

test('whoever has a token need not say who they are, and must not say otherwise', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const headers = bearer(claimsOf(5))
  expect(await askSocket(`${url}/`, { headers })).toBe('connected as 5')
  expect(await askSocket(`${url}/?user_id=`, { headers })).toBe('connected as 5')
  expect(await askSocket(`${url}/?user_id=undefined`, { headers })).toBe('connected as 5')
  expect(await askSocket(`${url}/?user_id=6`, { headers })).toBe('4403 You are user 5, not 6')
  expect(await askSocket(`${url}/?user_id=5x`, { headers })).toMatch(/^4400 user_id must be/)
})

test('an open socket ends with its token', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const brief = new TestSocket(url, { headers: bearer(claimsOf(5, { exp: inSeconds(2) })) })
  const lasting = new TestSocket(url, { headers: bearer(claimsOf(5)) })
  await Promise.all([brief.event('chat:connected'), lasting.event('chat:connected')])

  expect(await brief.whenClosed()).toEqual({
    code: 4401,
    reason: 'The token has expired: get a new one, then reconnect',
  })
  await lasting.settled()
})

test('what a token says of its user goes before what the client says', async () => {
  const { api, daemon } = await startChat(SETTINGS)
  const profile = { username: 'john', profile_url: 'https://shop.example/john.jpg' }
  const headers = bearer(claimsOf(5, profile))
  const query = 'username=admin&name=Said+by+himself&profile_url=https://evil.example/'
  const socket = new TestSocket(`${daemon.url}/?${query}`, { headers })
  await socket.event('chat:connected')

  const message = { sender_id: 5, receiver_id: 6, message: 'Hello' }
  const { body } = await post(`${api.url}/send_chat_message.php`, message, headers)

  expect(body.data.sender).toEqual({ user_id: 5, name: 'Said by himself', ...profile })
})

test('claims that are no text, or no picture, are left out', async () => {
  const { api, daemon } = await startChat(SETTINGS)
  const claims = { username: 5, name: { first: 'John' }, profile_url: 'javascript:alert(1)' }
  const headers = bearer(claimsOf(5, claims))
  expect(await askDaemon(daemon.url, 5, headers)).toBe('connected as 5')

  const message = { sender_id: 5, receiver_id: 6, message: 'Hello' }
  const { body } = await post(`${api.url}/send_chat_message.php`, message, headers)

  expect(body.data.sender).toEqual({ user_id: 5, username: '', name: 'User 5', profile_url: '' })
})

test('a minted token lets its user in, at both doors', async () => {
  const { api, daemon, folder } = await startChat(SETTINGS)
  const { code, output } = await runProgram('chat-websocket', ['token', '5'], folder, SETTINGS)
  const headers = { authorization: `Bearer ${output.trim()}` }

  expect(code).toBe(0)
  expect(await askApi(api.url, 5, headers)).toBe(LISTED)
  expect(await askDaemon(daemon.url, 5, headers)).toBe('connected as 5')
  expect(await askApi(api.url, 6, headers)).toBe('403 You are user 5, not 6')
})

test('a minted token is good for an hour, or for as long as is asked for', async () => {
  const folder = temporaryFolder()
  const validSeconds = async (...flags: string[]) => {
    const args = ['token', '5', ...flags]
    const { output } = await runProgram('chat-websocket', args, folder, SETTINGS)
    const claims = Buffer.from(output.split('.')[1] ?? '', 'base64url').toString()
    const { exp, iat } = JSON.parse(claims)
    return exp - iat
  }
  // A second may begin between the two.
  expect([3_600, 3_601]).toContain(await validSeconds())
  expect([7, 8]).toContain(await validSeconds('--valid', '7'))
})

test.each([
  [
    ['5'],
    { CHAT_AUTH: 'none' },
    'set CHAT_JWT_SECRET: tokens of other keys are minted by their owner',
  ],
  [['0'], SETTINGS, 'user_id takes a positive integer, not "0"'],
  [['five'], SETTINGS, 'user_id takes a positive integer, not "five"'],
  [['1e3'], SETTINGS, 'user_id takes a positive integer, not "1e3"'],
  [['5', '--valid', '0'], SETTINGS, '--valid takes a positive integer, not "0"'],
  [['5', '--valid', '-1'], SETTINGS, '--valid takes a positive integer, not "-1"'],
])('chat-websocket token %s is refused in one line', async (args, settings, reason) => {
  const folder = temporaryFolder()
  const { code, output } = await runProgram('chat-websocket', ['token', ...args], folder, settings)
  expect({ code, output }).toEqual({ code: 1, output: `chat-websocket: ${reason}\n` })
})

test.each([
  [{ CHAT_AUTH: 'jwt' }],
  [{ ...SETTINGS, CHAT_JWKS_URL: 'http://127.0.0.1/' }],
  [{ ...SETTINGS, CHAT_JWT_PUBLIC_KEY_FILE: 'key.pem' }],
])('jwt without exactly one kind of key does not start', async (settings) => {
  const { code, output } = await runProgram('chat-api', ['start'], temporaryFolder(), settings)
  expect(code).toBe(1)
  expect(output).toBe(
    'chat-api: CHAT_AUTH=jwt takes one of CHAT_JWT_SECRET, CHAT_JWT_PUBLIC_KEY_FILE and CHAT_JWKS_URL\n',
  )
})

test('a public key that cannot be used stops both programs, in one line', async () => {
  const folder = temporaryFolder()
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_PUBLIC_KEY_FILE: 'missing.pem' }
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const { code, output } = await runProgram(program, ['start'], folder, settings)
    expect(code).toBe(1)
    expect(output.trimEnd().split('\n').at(-1)).toBe(
      `${program}: CHAT_JWT_PUBLIC_KEY_FILE missing.pem cannot be used (ENOENT)`,
    )
  }
})

test('other machines are let in only when somebody has chosen who may be what', async () => {
  const folder = temporaryFolder()
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const host = { CHAT_HOST: '0.0.0.0' }
    const { code, output } = await runProgram(program, ['start'], folder, host)
    expect(code).toBe(1)
    expect(output).toMatch(/^.*CHAT_HOST=0\.0\.0\.0 lets other machines in.*CHAT_AUTH=none.*\n$/)
  }
  const settings = { CHAT_HOST: '0.0.0.0', CHAT_AUTH: 'none' }
  const { code, output } = await runProgram('chat-api', ['start'], folder, settings)
  expect(code).toBe(1)
  expect(output).toMatch(/^.*CHAT_AUTH=none on CHAT_HOST=0\.0\.0\.0 .*CHAT_ALLOWED_ORIGINS.*\n$/)
  const origins = { CHAT_ALLOWED_ORIGINS: 'https://shop.example' }
  const { program } = await startApi(folder, { ...settings, ...origins })
  expect(await program.stop()).toBe(0)
})
