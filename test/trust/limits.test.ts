import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { connect, get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { startApi, startDaemon } from '../support/in-process.ts'
import { picture } from '../support/media.ts'
import { askForUpgrade } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

const JWT = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }
/** As the README says. */
const FAILED_LOGINS = 60

const sendFrom = (apiUrl: string, sender: number) =>
  post(`${apiUrl}/send_chat_message.php`, { sender_id: sender, receiver_id: 99, message: 'x' })

const sendPictureFrom = (apiUrl: string, sender: number) =>
  post(
    `${apiUrl}/send_chat_message.php`,
    multipart({ sender_id: sender, receiver_id: 99, image: picture() }),
  )

function retryAfter(answer: { headers: Headers }): number {
  return Number(answer.headers.get('retry-after'))
}

test('a user may send so many messages a minute, and others as many', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_RATE_LIMIT: '3' })
  for (let count = 1; count <= 3; count += 1) expect((await sendFrom(url, 1)).status).toBe(200)

  const refused = await sendFrom(url, 1)

  expect(refused.status).toBe(429)
  expect(refused.body).toEqual({ status: 'error', message: 'You send too many messages' })
  expect(retryAfter(refused)).toBeGreaterThan(0)
  expect(retryAfter(refused)).toBeLessThanOrEqual(60)
  expect((await sendFrom(url, 2)).status).toBe(200)
})

test('unless told otherwise a user may send 120 messages a minute', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_RATE_LIMIT: '' })
  const statuses = await statusesOf(121, () => sendFrom(url, 1))
  expect(statuses).toEqual({ 200: 120, 429: 1 })
})

test('0 turns the limit of messages off', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_RATE_LIMIT: '0' })
  expect(await statusesOf(300, () => sendFrom(url, 1))).toEqual({ 200: 300 })
})

test('a user may send so many files a minute; text goes on, and no file is left behind', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder, { CHAT_UPLOAD_RATE_LIMIT: '2' })
  for (let count = 1; count <= 2; count += 1) {
    expect((await sendPictureFrom(url, 1)).status).toBe(200)
  }

  const refused = await sendPictureFrom(url, 1)

  expect(refused.status).toBe(429)
  expect(refused.body.message).toBe('You send too many files')
  expect(retryAfter(refused)).toBeGreaterThan(0)
  expect((await sendFrom(url, 1)).status).toBe(200)
  expect((await sendPictureFrom(url, 2)).status).toBe(200)
  expect(readdirSync(join(folder, 'uploads/chat/images'))).toHaveLength(3)
  const arriving = () => readdirSync(join(folder, 'uploads/.incoming'))
  await waitFor(() => arriving().length === 0, 'the refused file to be gone')
})

test('0 turns the limit of files off', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_UPLOAD_RATE_LIMIT: '0' })
  expect(await statusesOf(40, () => sendPictureFrom(url, 1))).toEqual({ 200: 40 })
})

test('an address that fails to log in 60 times is refused for a while, but for good tokens', async () => {
  const { url } = await startApi(temporaryFolder(), { ...JWT, CHAT_TRUST_PROXY: 'on' })
  const page = `${url}/get_conversations.php?user_id=5`
  const good = { authorization: `Bearer ${signedWithSecret(claimsOf(5))}` }
  const bad = { authorization: 'Bearer guessed' }
  const from = (address: string) => ({ 'x-forwarded-for': address })
  const guesser = from('203.0.113.1')

  const fail = () => get(page, { ...bad, ...guesser })
  expect(await statusesOf(FAILED_LOGINS - 1, fail)).toEqual({ 401: FAILED_LOGINS - 1 })
  expect((await get(page, { ...good, ...guesser })).status).toBe(200)
  expect((await fail()).status).toBe(401)

  const refused = await fail()
  expect(refused.status).toBe(429)
  expect(refused.body.message).toBe('Too many failed logins from your address')
  expect(retryAfter(refused)).toBeGreaterThan(0)
  expect(retryAfter(refused)).toBeLessThanOrEqual(60)
  // An office is not locked out by one of its clients.
  expect((await get(page, { ...good, ...guesser })).status).toBe(200)
  expect((await get(page, { ...bad, ...from('203.0.113.2') })).status).toBe(401)
  // What stands before the proxy's own word is the client's.
  expect((await get(page, { ...bad, ...from('203.0.113.2, 203.0.113.1') })).status).toBe(429)
  // Nobody has guessed who shows nothing.
  expect((await get(page, guesser)).status).toBe(401)
})

test.each([
  ['an IPv6 network', (count: number) => `2001:db8:0:7:${count}::1`, '2001:db8:0:8::1'],
  ['an IPv4 address with its ports', (count: number) => `203.0.113.7:${count}`, '203.0.113.8:1'],
  ['an IPv6 address with its ports', (count: number) => `[2001:db8::7]:${count}`, '[2001:db9::]:1'],
  ['a zoned address', (count: number) => `2001:db8::7%zone${count}`, '2001:db9::7%zone1'],
])('%s is one address', async (_, addressOf, another) => {
  const { url } = await startApi(temporaryFolder(), { ...JWT, CHAT_TRUST_PROXY: 'on' })
  let count = 0
  const failFrom = (address: string) =>
    get(`${url}/get_conversations.php`, {
      authorization: 'Bearer guessed',
      'x-forwarded-for': address,
    })
  const fail = () => {
    count += 1
    return failFrom(addressOf(count))
  }
  const expected = { 401: FAILED_LOGINS, 429: 1 }
  expect(await statusesOf(FAILED_LOGINS + 1, fail)).toEqual(expected)
  expect((await failFrom(another)).status).toBe(401)
})

test('what a proxy says that is no address counts as the proxy', async () => {
  const { url } = await startApi(temporaryFolder(), { ...JWT, CHAT_TRUST_PROXY: 'on' })
  let count = 0
  const fail = () => {
    count += 1
    const odd = [
      'unknown',
      '_hidden',
      '203.0.113',
      '203.0.113.1.1',
      `x${count}`,
      ':1',
      '[]:1',
      '%1',
    ]
    const headers = { 'x-forwarded-for': odd[count % odd.length] ?? '' }
    return get(`${url}/get_conversations.php`, { authorization: 'Bearer guessed', ...headers })
  }
  const expected = { 401: FAILED_LOGINS, 429: 1 }
  expect(await statusesOf(FAILED_LOGINS + 1, fail)).toEqual(expected)
})

test('a failed login is an audit line once per address and minute, without what it tried', async () => {
  const settings = { ...JWT, CHAT_TRUST_PROXY: 'on' }
  const { program, url } = await startApi(temporaryFolder(), settings)
  const failFrom = (address: string, token: string) =>
    get(`${url}/get_conversations.php?token=${token}`, { 'x-forwarded-for': address })
  for (const token of ['guessed-1', 'guessed-2', 'guessed-3']) await failFrom('203.0.113.1', token)
  await failFrom('2001:db8::1', 'guessed-4')
  await failFrom('2001:db8::2', 'guessed-5')

  await program.stop()
  const audited = program.output.split('\n').filter((line) => line.includes('Audit:'))
  expect(audited.map((line) => line.slice(line.indexOf('Audit:')))).toEqual([
    'Audit: login failed, from 203.0.113.1: The token is not valid',
    'Audit: login failed, from 2001:db8::1: The token is not valid',
  ])
  expect(program.output).not.toContain('guessed')
})

test('without CHAT_TRUST_PROXY nobody changes their address by saying so', async () => {
  const { url } = await startApi(temporaryFolder(), JWT)
  let claimed = 0
  const fail = () => {
    claimed += 1
    const headers = { authorization: 'Bearer guessed', 'x-forwarded-for': `203.0.113.${claimed}` }
    return get(`${url}/get_conversations.php?user_id=5`, headers)
  }
  const expected = { 401: FAILED_LOGINS, 429: 1 }
  expect(await statusesOf(FAILED_LOGINS + 1, fail)).toEqual(expected)
})

test('the daemon, too, refuses an address that fails to log in, but for good tokens', async () => {
  const { url } = await startDaemon(temporaryFolder(), JWT)
  const bad = { authorization: 'Bearer guessed' }
  const good = { authorization: `Bearer ${signedWithSecret(claimsOf(5))}` }
  for (let count = 1; count <= FAILED_LOGINS; count += 1) {
    // Refused, but in the words of a WebSocket.
    expect((await askForUpgrade(url, { headers: bad })).status).toBe(101)
  }

  const refused = await askForUpgrade(url, { headers: bad })

  expect(refused.status).toBe(429)
  expect(Number(refused.retryAfter)).toBeGreaterThan(0)
  expect((await askForUpgrade(url, { headers: good })).status).toBe(101)
  const elsewhere = { headers: bad, localAddress: '127.0.0.2' }
  expect((await askForUpgrade(url, elsewhere)).status).toBe(101)
})

test('a flood of connects from one address is limited, while another address gets in', async () => {
  const settings = { CHAT_CONNECT_RATE_LIMIT: '', CHAT_MAX_CONNECTIONS_PER_USER: '10000' }
  const { url } = await startDaemon(temporaryFolder(), settings)
  const ask = (localAddress: string) => askForUpgrade(`${url}/?user_id=1`, { localAddress })
  const startedAt = Date.now()

  const flood = Array.from({ length: 2_000 }, () => ask('127.0.0.1'))
  const another = await ask('127.0.0.2')
  const answers = await Promise.all(flood)

  const seconds = Math.floor((Date.now() - startedAt) / 1_000) + 1
  const admitted = answers.filter(({ status }) => status === 101)
  const refused = answers.filter(({ status }) => status === 429)
  expect(another.status).toBe(101)
  expect(admitted.length).toBeGreaterThanOrEqual(200)
  expect(admitted.length).toBeLessThanOrEqual(200 * seconds)
  expect(admitted.length + refused.length).toBe(2_000)
  expect(new Set(refused.map((answer) => answer.retryAfter))).toEqual(new Set(['1']))
  const isLetIn = async () => (await ask('127.0.0.1')).status === 101
  await waitFor(isLetIn, 'the address to be let in again')
})

test('behind a proxy the addresses of the clients are counted, not its own', async () => {
  const settings = { CHAT_CONNECT_RATE_LIMIT: '1', CHAT_TRUST_PROXY: 'on' }
  const { url } = await startDaemon(temporaryFolder(), settings)
  const addresses = Array.from({ length: 20 }, (_, index) => `203.0.113.${index}`)

  const answers = await Promise.all(
    addresses.map((address) => askForUpgrade(url, { headers: { 'x-forwarded-for': address } })),
  )

  expect(answers.map(({ status }) => status)).toEqual(addresses.map(() => 101))
})

test('new sockets of an IPv6 network are counted as of one address', async () => {
  const settings = { CHAT_CONNECT_RATE_LIMIT: '1', CHAT_TRUST_PROXY: 'on' }
  const { url } = await startDaemon(temporaryFolder(), settings)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      askForUpgrade(url, { headers: { 'x-forwarded-for': `2001:db8::${index + 1}` } }),
    ),
  )
  // They may fall into two seconds.
  expect(answers.filter(({ status }) => status === 101).length).toBeLessThanOrEqual(2)
})

test('0 turns the limit of connects off', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_CONNECT_RATE_LIMIT: '0' })
  const answers = Array.from({ length: 500 }, () => askForUpgrade(`${url}/?user_id=1`))
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([101]))
})

test.each([
  ['CHAT_MAX_CONNECTIONS', 2, 3],
  ['CHAT_MAX_CONNECTIONS_PER_USER', 1, 1],
  ['CHAT_MAX_CONNECTIONS_PER_ADDRESS', 2, 3],
])('past %s a socket is closed with 4409, until another closes', async (setting, last, next) => {
  const { url } = await startDaemon(temporaryFolder(), { [setting]: '2' })
  const first = await connect(url, 1)
  await connect(url, last)

  const refused = new TestSocket(`${url}/?user_id=${next}`)

  const reason = 'Too many connections; close one, then reconnect'
  expect(await refused.whenClosed()).toEqual({ code: 4409, reason })
  expect(refused.frames).toEqual([])
  await first.close()
  await connect(url, next)
})

test('sockets are counted by the address of the client, behind a proxy too', async () => {
  const { program, url } = await startDaemon(temporaryFolder(), {
    CHAT_MAX_CONNECTIONS_PER_ADDRESS: '1',
    CHAT_TRUST_PROXY: 'on',
  })
  const from = (address: string) =>
    new TestSocket(`${url}/?user_id=1`, { headers: { 'x-forwarded-for': address } })
  const first = from('203.0.113.1')
  await first.event('chat:connected')
  await from('203.0.113.2').event('chat:connected')

  for (let count = 1; count <= 3; count += 1) {
    expect((await from('203.0.113.1').whenClosed()).code).toBe(4409)
  }
  await first.close()
  await from('203.0.113.1').event('chat:connected')
  // A network of IPv6 is one client's.
  await from('2001:db8:1:2::1').event('chat:connected')
  await from('2001:db8:1:3::1').event('chat:connected')
  expect((await from('2001:db8:1:2::9').whenClosed()).code).toBe(4409)

  const audited = program.output.split('\n').filter((line) => line.includes('Audit'))
  expect(audited).toEqual([
    expect.stringMatching(/Audit: refused, from 203\.0\.113\.1: too many sockets of this address$/),
    expect.stringMatching(/Audit: refused, from 2001:.*: too many sockets of this address$/),
  ])
})

test('0 turns the limit of sockets of an address off', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_MAX_CONNECTIONS_PER_ADDRESS: '0' })
  for (let userId = 1; userId <= 5; userId += 1) await connect(url, userId)
})

/** How often each status was answered. */
async function statusesOf(
  count: number,
  ask: () => Promise<{ status: number }>,
): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (let asked = 0; asked < count; asked += 1) {
    const { status } = await ask()
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}
