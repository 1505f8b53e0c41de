import type { RequestListener, ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { Callback } from '../../src/auth/callback.ts'
import { limits } from '../../src/limits/limits.ts'
import { RateLimit } from '../../src/limits/rate-limit.ts'
import { createLog } from '../../src/log.ts'
import {
  askApi,
  askDaemon,
  askSocket,
  LISTED,
  startPhpApplication,
  startWebApplication,
} from '../support/auth.ts'
import { get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import { freePort } from '../support/network.ts'
import { runProgram } from '../support/processes.ts'
import { askForUpgrade, exchange } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

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
  ['400 to an odd cookie', 400, {}, '', '401 Log in first', '4401 Log in first'],
  ['406 to an odd cookie', 406, {}, '', '401 Log in first', '4401 Log in first'],
  ['431 to an odd cookie', 431, {}, '', '401 Log in first', '4401 Log in first'],
  ['204', 204, {}, '', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['405', 405, {}, '', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['500', 500, {}, '{"user_id": 5}', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['404', 404, {}, '{"user_id": 5}', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['no JSON', 200, {}, '<?php echo', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['a list', 200, {}, '[5]', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['null', 200, {}, 'null', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  ['nothing', 200, {}, '', `503 ${UNCHECKED}`, `1011 ${FAILED}`],
  [
    'headers without end',
    200,
    { 'x-long': 'x'.repeat(60_000) },
    '{"user_id": 5}',
    `503 ${UNCHECKED}`,
    `1011 ${FAILED}`,
  ],
  ['without end', 200, {}, ' '.repeat(70_000), `503 ${UNCHECKED}`, `1011 ${FAILED}`],
])('an application that answers %s', async (_, status, headers, body, atApi, atDaemon) => {
  const url = await startWebApplication((_request, response) => {
    response.writeHead(status, headers).end(body)
  })
  const { api, daemon } = await startChat(settingsFor(url))

  expect(await askApi(api.url, 5, JOHN)).toBe(atApi)
  expect(await askDaemon(daemon.url, 5, JOHN)).toBe(atDaemon)
})

test.each([
  ['answers 500', (response: ServerResponse) => response.writeHead(500).end()],
  ['hangs up', (response: ServerResponse) => response.destroy()],
  ['answers nonsense', (response: ServerResponse) => response.end('<br>Warning')],
])(
  'an application that %s for one client is down for that client; for three it is down',
  async (_, fail) => {
    const url = await startWebApplication((_request, response) => void fail(response))
    const settings = { ...settingsFor(url), CHAT_TRUST_PROXY: 'on' }
    const { url: apiUrl } = await startApi(temporaryFolder(), settings)
    const askFrom = (address: string) => statusOf(apiUrl, { ...JOHN, 'x-forwarded-for': address })
    const health = async () => (await get(`${apiUrl}/health`)).status
    for (let count = 1; count <= 5; count += 1) expect(await askFrom('203.0.113.1')).toBe(503)
    expect(await askFrom('203.0.113.2')).toBe(503)
    expect(await health()).toBe(200)

    expect(await askFrom('203.0.113.3')).toBe(503)

    expect(await health()).toBe(503)
  },
)

test('an application that nobody can reach is down at once', async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(nobody))
  expect(await statusOf(apiUrl, JOHN)).toBe(503)
  expect((await get(`${apiUrl}/health`)).status).toBe(503)
})

test('one visitor whose odd cookie is refused does not make the service unhealthy', async () => {
  let status = 0
  const url = await startWebApplication((_request, response) => {
    response.writeHead(status).end()
  })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))
  for (status of [400, 429, 431]) {
    expect(await statusOf(apiUrl, JOHN)).toBe(status === 429 ? 429 : 401)
    expect((await get(`${apiUrl}/health`)).status).toBe(200)
  }
})

test('a visitor of whom the application has had enough is told so, and until when', async () => {
  let given = ''
  const url = await startWebApplication((_request, response) => {
    response.writeHead(429, given === '' ? {} : { 'retry-after': given }).end()
  })
  const { api, daemon } = await startChat(settingsFor(url))
  const expected = {
    17: '17',
    0: '1',
    86400: '3600',
    'Thu, 01 Jan 2026 00:00:00 GMT': '5',
    '': '5',
  }
  for (const [text, told] of Object.entries(expected)) {
    given = text
    const answer = await get(`${api.url}/get_conversations.php?user_id=5`, JOHN)
    expect([text, answer.status, answer.headers.get('retry-after')]).toEqual([text, 429, told])
    expect(answer.body.message).toBe('Too many logins. Please try again later.')
    const upgrade = await askForUpgrade(`${daemon.url}/?user_id=5`, { headers: JOHN })
    expect(upgrade).toEqual({ status: 429, retryAfter: told })
  }
})

test('bytes that no cookie should have are passed on as they are', async () => {
  const { url, asked } = await startPhpApplication({ john: { user_id: 5 } })
  const { url: apiUrl } = await startApi(temporaryFolder(), settingsFor(url))
  const odd = Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index))
  const head =
    'GET /get_conversations.php?user_id=5 HTTP/1.1\r\nHost: localhost\r\nConnection: close'
  const cookie = Buffer.concat([Buffer.from('Cookie: PHPSESSID=john; odd=\t"'), odd])
  const request = Buffer.concat([Buffer.from(`${head}\r\n`), cookie, Buffer.from('\r\n\r\n')])
  expect((await exchange(apiUrl, request)).status).toBe(200)
  expect(asked[0]?.headers.cookie).toContain(odd.toString('latin1'))
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

/** One of many cookies that nobody has seen before. */
function session(count: number, prefix = 'made') {
  return { cookie: `PHPSESSID=${prefix}${count}` }
}

/** An application that takes its time; `mostAtOnce` is how many questions it was asked at one time. */
async function startSlowApplication(ms: number) {
  const application = { url: '', asked: 0, atOnce: 0, mostAtOnce: 0 }
  application.url = await startWebApplication((request, response) => {
    application.asked += 1
    application.atOnce += 1
    application.mostAtOnce = Math.max(application.mostAtOnce, application.atOnce)
    const isGood = /PHPSESSID=good/.test(request.headers.cookie ?? '')
    setTimeout(() => {
      application.atOnce -= 1
      response.writeHead(isGood ? 200 : 401).end('{"user_id": 5}')
    }, ms)
  })
  return application
}

function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return get(`${url}/get_conversations.php?user_id=5`, headers).then(({ status }) => status)
}

test('300 cookies tried at once are not 300 guesses, and lock out nobody who is known', async () => {
  const application = await startSlowApplication(20)
  const { url } = await startApi(temporaryFolder(), settingsFor(application.url))
  expect(await statusOf(url, session(1, 'good'))).toBe(200)

  const tried = Array.from({ length: 300 }, (_, index) => statusOf(url, session(index)))
  const statuses = await Promise.all(tried)

  expect(statuses.filter((status) => status === 401)).toHaveLength(60)
  expect(statuses.filter((status) => status === 429)).toHaveLength(240)
  expect(application.asked).toBe(1 + 60)
  expect(application.mostAtOnce).toBeLessThanOrEqual(16)
  expect(await statusOf(url, session(1, 'good'))).toBe(200)
  // To tell that this one is right would be to go on answering guesses.
  expect(await statusOf(url, session(2, 'good'))).toBe(429)
  expect(await statusOf(url, {})).toBe(401)
})

test.each([
  ['one office', 16, () => '203.0.113.1'],
  ['everywhere', 64, (index: number) => `203.0.113.${index}`],
])(
  'when all come back at once from %s they take turns, and get in',
  async (_, mostAtOnce, from) => {
    const application = await startSlowApplication(20)
    const settings = { ...settingsFor(application.url), CHAT_TRUST_PROXY: 'on' }
    const { url } = await startApi(temporaryFolder(), settings)

    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        statusOf(url, { ...session(index, 'good'), 'x-forwarded-for': from(index) }),
      ),
    )

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(application.mostAtOnce).toBeLessThanOrEqual(mostAtOnce)
  },
)

test('64 unknown cookies are asked about at once; one more is told to come back, and all is well', async () => {
  const waiting: (() => void)[] = []
  const application = await startWebApplication((_request, response) => {
    waiting.push(() => response.writeHead(401).end())
  })
  const settings = { ...settingsFor(application), CHAT_TRUST_PROXY: 'on' }
  const { url } = await startApi(temporaryFolder(), settings)
  const ask = (count: number) =>
    get(`${url}/get_conversations.php?user_id=5`, {
      ...session(count),
      'x-forwarded-for': `203.0.113.${count}`,
    })
  const asked = Array.from({ length: 64 }, (_, index) => ask(index))
  await waitFor(() => waiting.length === 64, '64 questions')

  const beyond = await ask(65)
  const health = await get(`${url}/health`)
  for (const answer of waiting) answer()

  expect(beyond.status).toBe(503)
  expect(beyond.body.message).toBe(
    'Too many logins are being checked. Please try again in a moment.',
  )
  expect(Number(beyond.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(health.status).toBe(200)
  expect(waiting).toHaveLength(64)
  for (const { status } of await Promise.all(asked)) expect(status).toBe(401)
})

/** The callback alone, at times that the test chooses. */
async function setUpCallback(listener: RequestListener) {
  const url = await startWebApplication(listener)
  const clock = { now: 0 }
  const log = createLog('text', () => {})
  const failures = new RateLimit(limits.failedLogins)
  const callback = new Callback(url, failures, log, () => clock.now)
  /** The user's id, or the code of the error. */
  const ask = (headers: { cookie: string }, address = '203.0.113.1') =>
    callback.identify(headers, address).then(
      ({ userId }) => userId,
      (error) => error.code,
    )
  return { clock, ask }
}

const SECOND = 1_000
const HOUR = 3_600 * SECOND

test('who was answered yes is asked about for an hour, whatever their address has guessed', async () => {
  let asked = 0
  const { clock, ask } = await setUpCallback((request, response) => {
    asked += 1
    const isGood = /PHPSESSID=good/.test(request.headers.cookie ?? '')
    response.writeHead(isGood ? 200 : 401).end('{"user_id": 5}')
  })
  expect(await ask(session(1, 'good'))).toBe(5)
  for (let count = 1; count <= 60; count += 1) {
    expect(await ask(session(count))).toBe('unauthenticated')
  }
  expect(await ask(session(61))).toBe('too_many')

  expect(await ask(session(1, 'good'))).toBe(5)
  expect(asked).toBe(61)
  clock.now += 10 * SECOND
  expect(await ask(session(1, 'good'))).toBe(5)
  expect(asked).toBe(62)
  clock.now += HOUR - 1
  expect(await ask(session(1, 'good'))).toBe(5)
  clock.now += HOUR
  expect(await ask(session(1, 'good'))).toBe('too_many')
  expect(await ask(session(1, 'good'), '203.0.113.2')).toBe(5)
})

test('who has logged out is known no longer, and one whom nobody can check stays known', async () => {
  let status = 200
  const { clock, ask } = await setUpCallback((_request, response) => {
    response.writeHead(status).end('{"user_id": 5}')
  })
  expect(await ask(session(1))).toBe(5)
  status = 401
  for (let count = 2; count <= 61; count += 1) await ask(session(count))
  clock.now += 10 * SECOND
  status = 500
  expect(await ask(session(1))).toBe('busy')
  status = 401
  // They are told why, and not that their address has failed too often.
  expect(await ask(session(1))).toBe('unauthenticated')
  expect(await ask(session(1))).toBe('too_many')
})

test('while strangers are asked about, there is room for those who are known', async () => {
  const waiting: (() => void)[] = []
  const { clock, ask } = await setUpCallback((request, response) => {
    if (/PHPSESSID=good/.test(request.headers.cookie ?? '')) response.end('{"user_id": 5}')
    else waiting.push(() => response.writeHead(401).end())
  })
  expect(await ask(session(1, 'good'))).toBe(5)
  clock.now += 10 * SECOND
  const strangers = Array.from({ length: 64 }, (_, index) =>
    ask(session(index), `203.0.113.${index}`),
  )
  await waitFor(() => waiting.length === 64, '64 questions')

  expect(await ask(session(65), '203.0.113.65')).toBe('busy')
  expect(await ask(session(1, 'good'))).toBe(5)

  for (const answer of waiting) answer()
  await Promise.all(strangers)
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
