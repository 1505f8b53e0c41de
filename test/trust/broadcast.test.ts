import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { post } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi } from '../support/in-process.ts'
import { exchange } from '../support/raw-http.ts'

const SECRET = 'the-secret-of-the-programs-that-may-broadcast'
const REFUSED =
  '403 Only programs on the server may broadcast, or those that send Authorization: Bearer with the ' +
  'broadcast secret'
/** Once there is one. */
const REFUSED_WITHOUT_SECRET =
  '403 Only programs that send Authorization: Bearer with the broadcast secret may broadcast'
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
    const { url } = await startApi(temporaryFolder())
    expect(await broadcast(url, { [header]: value })).toBe(REFUSED)
    expect(await broadcast(url, { [header]: '' })).toBe(REFUSED)
    const withSecret = await startApi(temporaryFolder(), { CHAT_BROADCAST_SECRET: SECRET })
    const authorization = `Bearer ${SECRET}`
    expect(await broadcast(withSecret.url, { [header]: value, authorization })).toBe(QUEUED)
  },
)

test('what a browser sends is not from this machine, wherever its page is from', async () => {
  const { url } = await startApi(temporaryFolder())
  for (const origin of ['https://shop.example', 'null', url]) {
    expect(await broadcast(url, { origin })).toBe(REFUSED)
  }
  expect(await broadcast(url)).toBe(QUEUED)
})

test('once there is a secret, this machine needs it too: a proxy may add no header', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_BROADCAST_SECRET: SECRET })
  expect(await broadcast(url)).toBe(REFUSED_WITHOUT_SECRET)
  expect(await broadcast(url, { authorization: `Bearer ${SECRET}` })).toBe(QUEUED)
})

test('a page whose own name was made to mean this machine broadcasts nothing', async () => {
  const { url } = await startApi(temporaryFolder())
  for (const [host, status] of [
    ['localhost:8080', 200],
    ['[::1]:8080', 200],
    ['evil.example:8080', 403],
    ['localhost.evil.example', 403],
  ] as const) {
    expect([host, await statusWithHost(url, host)]).toEqual([host, status])
  }
})

/** fetch sets Host itself. */
async function statusWithHost(url: string, host: string): Promise<number> {
  const body = '{"event":"shop:news","data":{}}'
  const head = ['POST /chat_websocket_broadcast.php HTTP/1.1', `Host: ${host}`, 'Connection: close']
  const type = ['Content-Type: application/json', `Content-Length: ${body.length}`]
  return (await exchange(url, `${[...head, ...type].join('\r\n')}\r\n\r\n${body}`)).status
}

test('secrets are guessed 60 times a minute at most, and the right one is not among those', async () => {
  const folder = temporaryFolder()
  const { program, url } = await startApi(folder, { CHAT_BROADCAST_SECRET: SECRET })
  const guess = (count: number) => broadcast(url, { authorization: `Bearer guess-${count}` })
  for (let count = 1; count <= 60; count += 1)
    expect(await guess(count)).toBe(REFUSED_WITHOUT_SECRET)

  expect(await guess(61)).toBe('429 Too many failed logins from your address')

  // Without any there is nothing to count.
  expect(await broadcast(url)).toBe(REFUSED_WITHOUT_SECRET)
  expect(await broadcast(url, { authorization: `Bearer ${SECRET}` })).toBe(QUEUED)
  const audited = program.output.split('\n').filter((line) => line.includes('Audit:'))
  expect(audited).toHaveLength(1)
  expect(audited[0]).toContain('refused, from 127.0.0.1: Only programs that send')
  expect(program.output).not.toContain('guess-')
})

test('only the whole secret will do', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_BROADCAST_SECRET: SECRET })
  const forwarded = 'for=203.0.113.1'
  const wrong = [SECRET.slice(0, -1), `${SECRET}x`, SECRET.toUpperCase(), 'undefined', ' ']
  for (const secret of wrong) {
    const authorization = `Bearer ${secret}`
    expect(await broadcast(url, { forwarded, authorization })).toBe(REFUSED_WITHOUT_SECRET)
  }
  const authorization = SECRET
  expect(await broadcast(url, { forwarded, authorization })).toBe(REFUSED_WITHOUT_SECRET)
})

test("a user's token lets nobody broadcast", async () => {
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET, CHAT_BROADCAST_SECRET: SECRET }
  const { url } = await startApi(temporaryFolder(), settings)
  const authorization = `Bearer ${signedWithSecret(claimsOf(5))}`
  expect(await broadcast(url, { authorization })).toBe(REFUSED_WITHOUT_SECRET)
})
