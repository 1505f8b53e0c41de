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
import { startPhpApplication, startWebApplication } from '../support/web-application.ts'

const SHOP = 'https://shop.example'
const JOHN = { cookie: 'PHPSESSID=john' }
const UNCHECKED = 'Logins cannot be checked at the moment. Please try again.'
const FAILED = 'Something went wrong here; reconnect in a few seconds'

function settingsFor(url: string) {
  return { CHAT_AUTH: 'callback', CHAT_AUTH_CALLBACK_URL: url, CHAT_ALLOWED_ORIGINS: SHOP }
}

test('the application is shown the cookies and the Authorization of the visitor', async () => {
  const { url, asked } = await startPhpApplication({ john: { user_id: 5 } })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))
  const headers = { cookie: 'theme=dark; PHPSESSID=john', authorization: 'Basic am9objpqb2hu' }

  expect(await askApi(apiUrl, 5, { ...headers, 'x-other': 'kept to ourselves' })).toBe(LISTED)

  const [request] = asked
  expect(request?.method).toBe('GET')
  expect(request?.url).toBe('/chat_whoami.php')
  expect(request?.headers).toMatchObject(headers)
  expect(request?.headers).not.toHaveProperty('x-other')
})

test('the application is asked once for a while, however much a visitor does', async () => {
  const { url, asked } = await startPhpApplication({ john: { user_id: 5 } })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))

  const answers = await Promise.all(Array.from({ length: 20 }, () => askApi(apiUrl, 5, JOHN)))

  expect(new Set(answers)).toEqual(new Set([LISTED]))
  expect(asked).toHaveLength(1)
})

test('a no is not remembered: whoever logs in is let in at once', async () => {
  const sessions: Record<string, object> = {}
  const { url, asked } = await startPhpApplication(sessions as Record<string, never>)
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))

  expect(await askApi(apiUrl, 5, JOHN)).toBe('401 Log in first')
  sessions.john = { user_id: 5 }
  expect(await askApi(apiUrl, 5, JOHN)).toBe(LISTED)
  expect(asked).toHaveLength(2)
})

test('one visitor is not taken for another whose cookies look alike', async () => {
  const { url } = await startPhpApplication({ john: { user_id: 5 }, jane: { user_id: 6 } })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))

  expect(await askApi(apiUrl, 5, JOHN)).toBe(LISTED)
  expect(await askApi(apiUrl, 5, { cookie: 'PHPSESSID=jane' })).toBe('403 You are user 6, not 5')
})

test('the application knows the names, and they go before what the client says', async () => {
  const profile = { username: 'john', name: 'John', profile_url: `${SHOP}/john.jpg` }
  const { url } = await startPhpApplication({ john: { user_id: '5', ...profile } })
  const { api, daemon } = await startChat(settingsFor(url))
  const socket = new TestSocket(`${daemon.url}/?username=admin`, { headers: JOHN })
  expect((await socket.event('chat:connected')).user_id).toBe(5)

  const message = { sender_id: 5, receiver_id: 6, message: 'Hello' }
  const { body } = await post(`${api.url}/send_chat_message.php`, message, JOHN)

  expect(body.data.sender).toEqual({ user_id: 5, ...profile })
})

test.each([
  ['401', 401, {}, '{}', '401 Log in first', '4401 Log in first'],
  ['403', 403, {}, '{"user_id": 5}', '401 Log in first', '4401 Log in first'],
  [
    'a redirect to the login page',
    302,
    { location: '/' },
    '',
    '401 Log in first',
    '4401 Log in first',
  ],
  ['500', 500, {}, '{"user_id": 5}', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['404', 404, {}, '{"user_id": 5}', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['no JSON', 200, {}, '<?php echo', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['a list', 200, {}, '[5]', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['null', 200, {}, 'null', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['nothing', 200, {}, '', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['without end', 200, {}, ' '.repeat(70_000), `503 ${UNCHECKED}`, `1011 ${FAILED}`],
])('an application that answers %s', async (_, status, headers, body, atApi, atDaemon) => {
  const url = await startWebApplication((_request, response) => {
    response.writeHead(status, headers).end(body)
  })
  const { api, daemon } = await startChat(settingsFor(url))

  expect(await askApi(api.url, 5, JOHN)).toBe(atApi)
  expect(await askDaemon(daemon.url, 5, JOHN)).toBe(atDaemon)
})

test('an application that never answers holds nobody up for long', async () => {
  const url = await startWebApplication(() => {})
  const { api, daemon } = await startChat(settingsFor(url))

  const [atApi, atDaemon] = await Promise.all([
    get(`${api.url}/get_conversations.php?user_id=5`, JOHN),
    askDaemon(daemon.url, 5, JOHN),
  ])

  expect(atApi.status).toBe(503)
  expect(atApi.body).toEqual({ status: 'error', message: UNCHECKED })
  expect(Number(atApi.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(atDaemon).toBe(`1011 ${FAILED}`)
  expect(api.program.output).toContain('The authentication callback did not answer')
})

test('an application that is down lets nobody in, and lets them in when it is back', async () => {
  let isDown = true
  const url = await startWebApplication((request, response) => {
    if (isDown) request.socket.destroy()
    else response.end('{"user_id": 5}')
  })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))

  expect(await askApi(apiUrl, 5, JOHN)).toBe(`503 ${UNCHECKED}`)
  isDown = false
  expect(await askApi(apiUrl, 5, JOHN)).toBe(LISTED)
})

test('pages of other sites, whose requests carry the cookies too, may do nothing', async () => {
  const { url } = await startPhpApplication({ john: { user_id: 5 } })
  const { api, daemon } = await startChat(settingsFor(url))
  const from = (origin: string) => ({ ...JOHN, origin })
  const foreign = ['https://evil.example', 'null', 'http://shop.example', `${SHOP}.evil.example`]
  for (const origin of foreign) {
    expect(await askApi(api.url, 5, from(origin))).toBe(
      '403 Pages of this origin may not use the chat',
    )
    expect(await askDaemon(daemon.url, 5, from(origin))).toBe(
      '4403 Pages of this origin may not connect',
    )
  }
  for (const origin of [SHOP, api.url]) expect(await askApi(api.url, 5, from(origin))).toBe(LISTED)
  for (const origin of [SHOP, daemon.url.replace('ws:', 'http:')]) {
    expect(await askDaemon(daemon.url, 5, from(origin))).toBe('connected as 5')
  }
})

test('the listed page may read answers with its cookies, and no other page may', async () => {
  const { url } = await startPhpApplication({ john: { user_id: 5 } })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))
  const allowed = async (origin: string) => {
    const page = `${apiUrl}/get_conversations.php?user_id=5`
    const { headers } = await get(page, { ...JOHN, origin })
    return [
      headers.get('access-control-allow-origin'),
      headers.get('access-control-allow-credentials'),
      headers.get('vary'),
    ]
  }
  expect(await allowed(SHOP)).toEqual([SHOP, 'true', 'Origin'])
  expect(await allowed('https://evil.example')).toEqual([null, null, 'Origin'])
})

test('cookies are not believed from anywhere: * does not start', async () => {
  const settings = { ...settingsFor('http://127.0.0.1/'), CHAT_ALLOWED_ORIGINS: '*' }
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const { code, output } = await runProgram(program, ['start'], temporaryFolder(), settings)
    expect(code).toBe(1)
    expect(output).toMatch(/^.*: CHAT_AUTH=callback believes cookies.*CHAT_ALLOWED_ORIGINS.*\n$/)
  }
})

test('callback without an address to ask does not start', async () => {
  const settings = { CHAT_AUTH: 'callback', CHAT_ALLOWED_ORIGINS: SHOP }
  const { code, output } = await runProgram('chat-api', ['start'], temporaryFolder(), settings)
  expect(code).toBe(1)
  expect(output).toBe(
    'chat-api: CHAT_AUTH=callback needs CHAT_AUTH_CALLBACK_URL: where to ask who a visitor is\n',
  )
})

test('a listed Origin is held to under none as well', async () => {
  const settings = { CHAT_ALLOWED_ORIGINS: SHOP }
  const { url } = await startDaemon(temporaryFolder(), settings)
  const evil = { headers: { origin: 'https://evil.example' } }
  expect(await askSocket(`${url}/?user_id=5`, evil)).toMatch(/^4403 /)
  expect(await askSocket(`${url}/?user_id=5`)).toBe('connected as 5')
})
