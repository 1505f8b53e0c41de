import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { connect, sendText, TestSocket } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { temporaryFolder } from '../support/folders.ts'
import { textFrame } from '../support/frames.ts'
import { startChat, startDaemon } from '../support/in-process.ts'
import { askForUpgrade, openSocket, upgradeRequest } from '../support/raw-http.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

test('a socket without a usable user_id is closed with 4400 and the reason', async () => {
  const { url } = await startDaemon(temporaryFolder())
  for (const userId of ['', '0', '-1', 'abc', '1.5', '1e3', ' 1', '9007199254740992', 'null']) {
    const socket = new TestSocket(`${url}/?user_id=${encodeURIComponent(userId)}`)
    const { code, reason } = await socket.whenClosed()
    expect({ userId, code, reason }).toEqual({
      userId,
      code: 4400,
      reason: 'user_id must be a positive integer: ws://…/?user_id=1',
    })
    expect(socket.frames).toEqual([])
  }
  expect((await new TestSocket(url).whenClosed()).code).toBe(4400)
})

test('any path and the largest safe integer will do', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = new TestSocket(`${url}/some/path?user_id=9007199254740991`)
  expect((await socket.event('chat:connected')).user_id).toBe(9007199254740991)
})

test('pages of other origins than the listed are closed with 4403', async () => {
  const { url } = await startDaemon(temporaryFolder(), {
    CHAT_ALLOWED_ORIGINS: 'https://shop.example, https://other.example',
  })
  const from = (origin: string) =>
    new TestSocket(`${url}/?user_id=1`, { headers: { Origin: origin } })

  expect((await from('https://evil.example').whenClosed()).code).toBe(4403)
  await from('https://other.example').event('chat:connected')
  await new TestSocket(`${url}/?user_id=1`).event('chat:connected')
})

test('who is refused for what they want stands in the audit trail, once a minute', async () => {
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET, CHAT_TRUST_PROXY: 'on' }
  const origins = { CHAT_ALLOWED_ORIGINS: 'https://shop.example' }
  const { program, url } = await startDaemon(temporaryFolder(), { ...settings, ...origins })
  const refused = async (address: string, headers: Record<string, string>) => {
    const all = { ...headers, 'x-forwarded-for': address }
    expect((await new TestSocket(`${url}/?user_id=6`, { headers: all }).whenClosed()).code).toBe(
      4403,
    )
  }
  const authorization = `Bearer ${signedWithSecret(claimsOf(5))}`
  for (let count = 1; count <= 3; count += 1) {
    await refused('203.0.113.1', { origin: 'https://evil.example' })
    await refused('203.0.113.2', { authorization })
  }
  const audited = program.output.split('\n').filter((line) => line.includes('Audit'))
  expect(audited.map((line) => line.slice(line.indexOf('Audit')))).toEqual([
    'Audit: refused, from 203.0.113.1: Pages of this origin may not connect',
    'Audit: refused, from 203.0.113.2: You are user 5, not 6',
  ])
})

test('one socket more than a user may have is closed with 4409', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_MAX_CONNECTIONS_PER_USER: '2' })
  const first = await connect(url, 1)
  await connect(url, 1)

  expect((await new TestSocket(`${url}/?user_id=1`).whenClosed()).code).toBe(4409)
  await connect(url, 2)

  await first.close()
  const again = new TestSocket(`${url}/?user_id=1`)
  await again.event('chat:connected')
})

test('one socket more than there may be is closed with 4409', async () => {
  const { url } = await startDaemon(temporaryFolder(), { CHAT_MAX_CONNECTIONS: '3' })
  for (const userId of [1, 2, 3]) await connect(url, userId)
  expect((await new TestSocket(`${url}/?user_id=4`).whenClosed()).code).toBe(4409)
})

test('plain HTTP is told that this is the WebSocket port', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const response = await fetch(url.replace('ws:', 'http:'))
  expect(response.status).toBe(426)
  expect(await response.text()).toContain('WebSocket')
})

test.runIf(ON_SQLITE)(
  'who connects is known by the names they give, as far as these can be shown',
  async () => {
    const { api, daemon, folder } = await startChat()
    const receiver = await connect(daemon.url, 9)
    const database = new Sqlite(environment(folder).CHAT_DATABASE, { readonly: true })
    const user = database.prepare('SELECT username, name, profile_url FROM users WHERE user_id = 1')

    const picture = 'https://shop.example/a.jpg'
    await connect(daemon.url, 1, { username: 'ada', name: 'Ada Lovelace', profile_url: picture })
    await sendText(api.url, 1, 9, 'Hello')
    expect((await receiver.event('chat:message')).sender).toEqual({
      user_id: 1,
      username: 'ada',
      name: 'Ada Lovelace',
      profile_url: picture,
    })

    for (const nothing of ['', 'null', 'undefined']) {
      await connect(daemon.url, 1, { username: nothing, name: nothing, profile_url: nothing })
    }
    for (const trick of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd']) {
      await connect(daemon.url, 1, { profile_url: trick })
    }
    expect(user.get()).toEqual({ username: 'ada', name: 'Ada Lovelace', profile_url: picture })

    await connect(daemon.url, 1, { name: '😀'.repeat(101), username: 'x'.repeat(100) })
    expect(user.get()).toMatchObject({ name: '😀'.repeat(100), username: 'x'.repeat(100) })
    database.close()
  },
)

test.runIf(ON_SQLITE)(
  'who is turned away, or does not shake hands properly, leaves no name behind',
  async () => {
    const { daemon, folder } = await startChat({ CHAT_MAX_CONNECTIONS_PER_USER: '1' })
    await connect(daemon.url, 1, { name: 'Ada' })
    const database = new Sqlite(environment(folder).CHAT_DATABASE, { readonly: true })
    const users = database.prepare('SELECT user_id, name FROM users')

    const broken = { headers: { 'sec-websocket-key': 'x' } }
    expect((await askForUpgrade(`${daemon.url}/?user_id=2&name=Bob`, broken)).status).toBe(400)
    const one = new TestSocket(`${daemon.url}/?user_id=1&name=Eve`)
    expect((await one.whenClosed()).code).toBe(4409)

    await connect(daemon.url, 3, { name: 'Cleo' })
    expect(users.all()).toEqual([
      { user_id: 1, name: 'Ada' },
      { user_id: 3, name: 'Cleo' },
    ])
    database.close()
  },
)

test.runIf(ON_SQLITE)(
  'what a client asks while its name is being written is answered after the greeting',
  async () => {
    const { daemon, folder } = await startChat()
    const database = new Sqlite(environment(folder).CHAT_DATABASE)
    database.exec('BEGIN IMMEDIATE')
    const socket = await openSocket(daemon.url)
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    const asked = Buffer.from(upgradeRequest('/?user_id=1&name=Ada'))
    socket.write(Buffer.concat([asked, textFrame('{"event":"ping"}')]))
    const metrics = async () => (await fetch(`${daemon.url.replace('ws', 'http')}/metrics`)).text()
    await waitFor(async () => /^chat_connections 1$/m.test(await metrics()), 'a socket')
    expect(received).toBe('')
    database.exec('COMMIT')

    await waitFor(() => received.includes('pong'), 'an answer')

    const events = [...received.matchAll(/"event":"([^"]+)"/g)].map(([, event]) => event)
    expect(received).toMatch(/^HTTP\/1.1 101 /)
    expect(events).toEqual(['chat:connected', 'pong'])
    expect(database.prepare('SELECT name FROM users').pluck().all()).toEqual(['Ada'])
    database.close()
  },
)

test.runIf(ON_SQLITE)(
  'somebody whose name cannot be written is let in all the same, and it is logged once',
  async () => {
    const { daemon, folder } = await startChat()
    const database = new Sqlite(environment(folder).CHAT_DATABASE)
    database.exec(
      "CREATE TRIGGER refuse BEFORE INSERT ON users BEGIN SELECT raise(FAIL, 'no'); END",
    )
    for (const userId of [1, 2, 3]) await connect(daemon.url, userId, { name: 'Ada' })
    expect(daemon.program.output.match(/could not be kept up to date/g)).toHaveLength(1)
    expect(database.prepare('SELECT count(*) FROM users').pluck().get()).toBe(0)

    database.exec('DROP TRIGGER refuse')
    await connect(daemon.url, 4, { name: 'Ada' })
    await daemon.program.printed(/(is kept up to date again)/)
    database.close()
  },
)
