import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/in-process.ts'

const SHOP = 'https://shop.test'
const ADMIN = 'https://admin.shop.test:8443'

/** Answers of every kind: a success, an error, a refused method, a missing page. */
const REQUESTS: [string, RequestInit][] = [
  ['/get_conversations.php?user_id=1', {}],
  ['/get_conversations.php', {}],
  ['/send_chat_message.php', {}],
  ['/send_chat_message.php', { method: 'POST', body: 'no JSON' }],
  ['/nothing.php', {}],
  ['/health', {}],
]

async function ask(url: string, init: RequestInit, origin?: string): Promise<Headers> {
  const headers = origin === undefined ? {} : { Origin: origin }
  const response = await fetch(url, { ...init, headers })
  await response.text()
  return response.headers
}

/** What a browser asks before it sends JSON from another origin. */
async function preflight(url: string, origin: string, headers = 'content-type'): Promise<Response> {
  return fetch(url, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': headers,
    },
  })
}

test('pages of any origin may read every answer, unless told otherwise', async () => {
  const api = await startApi(temporaryFolder())

  for (const [path, init] of REQUESTS) {
    const headers = await ask(api.url + path, init, SHOP)
    expect(headers.get('Access-Control-Allow-Origin'), path).toBe('*')
    expect(headers.get('Access-Control-Allow-Credentials'), path).toBe(null)
  }
})

test('a preflight tells methods and headers, in an answer without a body', async () => {
  const api = await startApi(temporaryFolder())

  const response = await preflight(`${api.url}/send_chat_message.php`, SHOP, 'content-type,x-app')

  expect(response.status).toBe(204)
  expect(await response.text()).toBe('')
  expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
  expect(response.headers.get('Access-Control-Allow-Methods')).toBe('POST, OPTIONS')
  expect(response.headers.get('Access-Control-Allow-Headers')).toBe('content-type,x-app')
  expect(Number(response.headers.get('Access-Control-Max-Age'))).toBeGreaterThan(0)
})

test('OPTIONS names the methods of each endpoint in Allow', async () => {
  const api = await startApi(temporaryFolder())
  const allow = async (path: string) => {
    const response = await fetch(api.url + path, { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    return response.headers.get('Allow')
  }

  expect(await allow('/send_chat_message.php')).toBe('POST, OPTIONS')
  expect(await allow('/get_conversations.php')).toBe('GET, POST, HEAD, OPTIONS')
  expect(await allow('/get_conversation_messages.php')).toBe('GET, POST, HEAD, OPTIONS')
  expect(await allow('/chat_websocket_broadcast.php')).toBe('POST, OPTIONS')
  expect(await allow('/health')).toBe('GET, HEAD, OPTIONS')
})

test('with CHAT_ALLOWED_ORIGINS set, only pages of those origins may read', async () => {
  const api = await startApi(temporaryFolder(), { CHAT_ALLOWED_ORIGINS: `${SHOP}, ${ADMIN}` })
  const strangers = [
    'https://evil.test',
    'http://shop.test',
    'https://shop.test:8443',
    'https://shop.test.evil.test',
    'https://evil-shop.test',
    'null',
  ]

  for (const [path, init] of REQUESTS) {
    for (const origin of [SHOP, ADMIN]) {
      const headers = await ask(api.url + path, init, origin)
      expect(headers.get('Access-Control-Allow-Origin'), path).toBe(origin)
      expect(headers.get('Vary'), path).toContain('Origin')
    }
    for (const origin of [...strangers, undefined]) {
      const headers = await ask(api.url + path, init, origin)
      expect(headers.get('Access-Control-Allow-Origin'), `${origin} ${path}`).toBe(null)
      expect(headers.get('Vary'), path).toContain('Origin')
    }
  }
})

test('with CHAT_ALLOWED_ORIGINS set, a preflight lets in those origins only', async () => {
  const api = await startApi(temporaryFolder(), { CHAT_ALLOWED_ORIGINS: SHOP })
  const url = `${api.url}/send_chat_message.php`

  const allowed = await preflight(url, SHOP)
  const refused = await preflight(url, 'https://evil.test')

  expect(allowed.status).toBe(204)
  expect(allowed.headers.get('Access-Control-Allow-Origin')).toBe(SHOP)
  expect(allowed.headers.get('Access-Control-Allow-Headers')).toBe('content-type')
  expect(refused.headers.get('Access-Control-Allow-Origin')).toBe(null)
})
