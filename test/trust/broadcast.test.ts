import { expect, test } from 'vitest'
import { post } from '../support/clients.ts'
import { startApi, temporaryFolder } from '../support/processes.ts'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/tokens.ts'

const SECRET = 'the-secret-of-the-programs-that-may-broadcast'
const REFUSED =
  '403 Only programs on the server may broadcast, or those that send Authorization: Bearer with the ' +
  'broadcast secret'
const QUEUED = '200 Event queued for broadcast'
/** What nginx, Apache, Caddy and the like add to what they pass on, each as configured in the field. */
const PROXY_HEADERS = {
  'x-forwarded-for': '203.0.113.1',
  'x-forwarded-host': 'shop.example',
  'x-forwarded-proto': 'https',
  'x-real-ip': '203.0.113.1',
  forwarded: 'for=203.0.113.1',
  via: '1.1 proxy',
}

async function broadcast(apiUrl: string, headers: Record<string, string> = {}): Promise<string> {
  const event = { event: 'shop:news', data: {} }
  const { status, body } = await post(`${apiUrl}/chat_websocket_broadcast.php`, event, headers)
  return `${status} ${body.message}`
}

test.each(Object.entries(PROXY_HEADERS))(
  'what came through a proxy, as %s gives away, is not from this machine',
  async (header, value) => {
    const { url } = await startApi(temporaryFolder(), { CHAT_BROADCAST_SECRET: SECRET })
    expect(await broadcast(url, { [header]: value })).toBe(REFUSED)
    expect(await broadcast(url, { [header]: '' })).toBe(REFUSED)
    const authorization = `Bearer ${SECRET}`
    expect(await broadcast(url, { [header]: value, authorization })).toBe(QUEUED)
  },
)

test('what a browser sends is not from this machine, wherever its page is from', async () => {
  const { url } = await startApi(temporaryFolder())
  for (const origin of ['https://shop.example', 'null', url]) {
    expect(await broadcast(url, { origin })).toBe(REFUSED)
  }
  expect(await broadcast(url)).toBe(QUEUED)
})

test('only the whole secret will do', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_BROADCAST_SECRET: SECRET })
  const forwarded = 'for=203.0.113.1'
  const wrong = [SECRET.slice(0, -1), `${SECRET}x`, SECRET.toUpperCase(), 'undefined', ' ']
  for (const secret of wrong) {
    const authorization = `Bearer ${secret}`
    expect(await broadcast(url, { forwarded, authorization })).toBe(REFUSED)
  }
  expect(await broadcast(url, { forwarded, authorization: SECRET })).toBe(REFUSED)
})

test("a user's token lets nobody broadcast", async () => {
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET, CHAT_BROADCAST_SECRET: SECRET }
  const { url } = await startApi(temporaryFolder(), settings)
  const authorization = `Bearer ${signedWithSecret(claimsOf(5))}`
  expect(await broadcast(url, { forwarded: 'for=203.0.113.1', authorization })).toBe(REFUSED)
  // And programs on this machine need none.
  expect(await broadcast(url)).toBe(QUEUED)
})
