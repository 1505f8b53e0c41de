import { expect, test } from 'vitest'
import {
  askApi,
  askDaemon,
  askSocket,
  type Claims,
  claimsOf,
  inSeconds,
  JWT_SECRET,
  LISTED,
  signedWithSecret,
} from '../support/auth.ts'
import { get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { askForUpgrade } from '../support/raw-http.ts'

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
  expect(await askSocket(daemon.url, { protocols: ['chat', `bearer.${token}`] })).toBe(connected)
})

test('a browser is given the subprotocol that it named beside its token, never the token', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const token = `bearer.${signedWithSecret(claimsOf(5))}`
  const chosen = async (protocols: string[]) => {
    const socket = new TestSocket(`${url}/?user_id=5`, { protocols })
    await socket.event('chat:connected')
    return socket.socket.protocol
  }
  expect(await chosen(['chat', token])).toBe('chat')
  expect(await chosen([token, 'chat'])).toBe('chat')
  // Whoever offers nothing else is let in all the same, though a browser insists on one.
  const { status, protocol } = await askForUpgrade(`${url}/?user_id=5`, {
    headers: { 'sec-websocket-protocol': token },
  })
  expect({ status, protocol }).toEqual({ status: 101, protocol: undefined })
})

test('a bad token among the subprotocols is refused with the reason', async () => {
  const { url } = await startDaemon(temporaryFolder(), SETTINGS)
  const protocols = ['chat', `bearer.${signedWithSecret(claimsOf(5), 'x'.repeat(40))}`]
  expect(await askSocket(url, { protocols })).toBe('4401 The token is not valid')
})

test('a token is found in the query behind whatever question mark', async () => {
  const { api, daemon } = await startChat(SETTINGS)
  const query = `user_id=5&note=why?&token=${signedWithSecret(claimsOf(5))}`
  expect((await get(`${api.url}/get_conversations.php?${query}`)).status).toBe(200)
  expect(await askSocket(`${daemon.url}/?${query}`)).toBe('connected as 5')
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
  const { code, output } = await processes.runProgram(
    'chat-websocket',
    ['token', '5'],
    folder,
    SETTINGS,
  )
  const headers = { authorization: `Bearer ${output.trim()}` }

  expect(code).toBe(0)
  expect(await askApi(api.url, 5, headers)).toBe(LISTED)
  expect(await askDaemon(daemon.url, 5, headers)).toBe('connected as 5')
  expect(await askApi(api.url, 6, headers)).toBe('403 You are user 5, not 6')
})

const FOR_SHOP = { CHAT_JWT_AUDIENCE: 'chat', CHAT_JWT_ISSUER: 'https://shop.example/' }
const NOT_AUDIENCE = '401 The token\'s "aud" is not what this chat takes'
const NOT_ISSUER = '401 The token\'s "iss" is not what this chat takes'
const LISTED_ISSUER = { iss: 'https://shop.example/' }

test.each([
  ['both as set', { aud: 'chat', ...LISTED_ISSUER }, LISTED],
  ['ours among other audiences', { aud: ['mail', 'chat'], ...LISTED_ISSUER }, LISTED],
  ['another audience', { aud: 'mail', ...LISTED_ISSUER }, NOT_AUDIENCE],
  ['no audience', LISTED_ISSUER, NOT_AUDIENCE],
  ['another issuer', { aud: 'chat', iss: 'https://shop.example' }, NOT_ISSUER],
  ['no issuer', { aud: 'chat' }, NOT_ISSUER],
])('with an audience and an issuer set, of a token with %s', async (_, claims, answer) => {
  const { url } = await startApi(temporaryFolder(), { ...SETTINGS, ...FOR_SHOP })
  expect(await askApi(url, 5, bearer(claimsOf(5, claims)))).toBe(answer)
})

test('with neither set, a token may be from anywhere and for anything', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const claims = claimsOf(5, { aud: 'mail', iss: 'https://other.example' })
  expect(await askApi(url, 5, bearer(claims))).toBe(LISTED)
})

test('a minted token is for the audience and from the issuer that are set', async () => {
  const { url } = await startApi(temporaryFolder(), { ...SETTINGS, ...FOR_SHOP })
  const settings = { ...SETTINGS, ...FOR_SHOP }
  const { output } = await processes.runProgram(
    'chat-websocket',
    ['token', '5'],
    temporaryFolder(),
    settings,
  )
  expect(await askApi(url, 5, { authorization: `Bearer ${output.trim()}` })).toBe(LISTED)
})

test('a token that never ends is refused, unless that is switched off', async () => {
  const { exp: _, ...endless } = claimsOf(5)
  const strict = await startChat(SETTINGS)
  const reason = 'The token has no exp: it must say when it ends'
  expect(await askApi(strict.api.url, 5, bearer(endless))).toBe(`401 ${reason}`)
  expect(await askDaemon(strict.daemon.url, 5, bearer(endless))).toBe(`4401 ${reason}`)

  const lenient = await startChat({ ...SETTINGS, CHAT_JWT_REQUIRE_EXP: 'off' })
  expect(await askApi(lenient.api.url, 5, bearer(endless))).toBe(LISTED)
  expect(await askDaemon(lenient.daemon.url, 5, bearer(endless))).toBe('connected as 5')
})

test('only tokens of a type that lets in do so', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const ask = (typ: unknown) => {
    const token = signedWithSecret(claimsOf(5), JWT_SECRET, { typ })
    return askApi(url, 5, { authorization: `Bearer ${token}` })
  }
  for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
    expect([typ, await ask(typ)]).toEqual([typ, LISTED])
  }
  const refused = '401 The token\'s "typ" must be JWT or at+jwt'
  for (const typ of ['logout+jwt', 'dpop+jwt', 'id+jwt', 'text/jwt', '', null, ['JWT'], 5]) {
    expect([typ, await ask(typ)]).toEqual([typ, refused])
  }
})

test('a token has 8 KB at most', async () => {
  const { url } = await startApi(temporaryFolder(), SETTINGS)
  const ofLength = (length: number) => {
    const empty = signedWithSecret(claimsOf(5, { fill: '' }))
    // Three bytes are four characters of a token; the exact length takes a few tries.
    const fill = Math.floor(((length - empty.length) * 3) / 4)
    return [fill - 2, fill - 1, fill, fill + 1, fill + 2]
      .map((count) => signedWithSecret(claimsOf(5, { fill: 'x'.repeat(count) })))
      .find((token) => token.length === length)
  }
  const ask = (token = '') => askApi(url, 5, { authorization: `Bearer ${token}` })
  const longest = ofLength(8_192)
  expect(longest).toHaveLength(8_192)
  expect(await ask(longest)).toBe(LISTED)
  expect(await ask(`${longest}x`)).toBe('401 The token is too long')
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
  const { code, output } = await processes.runProgram(
    'chat-websocket',
    ['token', ...args],
    folder,
    settings,
  )
  expect({ code, output }).toEqual({ code: 1, output: `chat-websocket: ${reason}\n` })
})

test.each([
  [{ CHAT_AUTH: 'jwt' }],
  [{ ...SETTINGS, CHAT_JWKS_URL: 'http://127.0.0.1/' }],
  [{ ...SETTINGS, CHAT_JWT_PUBLIC_KEY_FILE: 'key.pem' }],
])('jwt without exactly one kind of key does not start', async (settings) => {
  const { code, output } = await processes.runProgram(
    'chat-api',
    ['start'],
    temporaryFolder(),
    settings,
  )
  expect(code).toBe(1)
  expect(output).toBe(
    'chat-api: CHAT_AUTH=jwt takes one of CHAT_JWT_SECRET, CHAT_JWT_PUBLIC_KEY_FILE and CHAT_JWKS_URL\n',
  )
})
