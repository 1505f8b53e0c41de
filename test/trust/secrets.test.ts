import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { askApi, askDaemon, claimsOf, LISTED, signedWithSecret } from '../support/auth.ts'
import { get, post, TestSocket } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { exchange } from '../support/raw-http.ts'

const JWT_SECRET = 'jwt-secret-0123456789-abcdefghijklmnop'
const BROADCAST_SECRET = 'broadcast-secret-0123456789-abcdefghij'
const SECRETS = { CHAT_JWT_SECRET: JWT_SECRET, CHAT_BROADCAST_SECRET: BROADCAST_SECRET }
const SETTINGS = { CHAT_AUTH: 'jwt', ...SECRETS }
/** Parts of a secret count as well: a log that shortens it still tells it. */
function expectNoneOf(secrets: string[], text: string): void {
  for (const secret of secrets) expect(text).not.toContain(secret.slice(0, 16))
}

/** Makes every request that looks for conversations fail as a bug would. */
function breakDatabase(folder: string): void {
  const sqlite = new Sqlite(join(folder, 'chat.db'))
  sqlite.exec('ALTER TABLE conversations RENAME TO gone')
  sqlite.close()
}

test.each(['text', 'json'])(
  'secrets and tokens stand in no answer and no %s log',
  async (format) => {
    const settings = { ...SETTINGS, CHAT_LOG_FORMAT: format }
    const { api, daemon, folder } = await startChat(settings)
    const good = signedWithSecret(claimsOf(5), JWT_SECRET)
    const bad = signedWithSecret(claimsOf(5), 'x'.repeat(40))
    // The header of a token is the same for all of them.
    const signatures = [good, bad].map((token) => token.split('.')[2] as string)
    const hidden = [JWT_SECRET, BROADCAST_SECRET, ...signatures]
    const answers: string[] = []
    const page = `${api.url}/get_conversations.php?user_id=5`

    expect(await askApi(api.url, 5, { authorization: `Bearer ${good}` })).toBe(LISTED)
    expect(await askDaemon(daemon.url, 5, { authorization: `Bearer ${good}` })).toBe(
      'connected as 5',
    )
    for (const token of [good, bad]) {
      answers.push(JSON.stringify((await get(`${page}&token=${token}&limit=x`)).body))
      answers.push(JSON.stringify((await get(page, { authorization: `Bearer ${token}` })).body))
      answers.push((await exchange(api.url, `GET /?token=${token}\r\n\r\n`)).body)
      const socket = new TestSocket(`${daemon.url}/?user_id=x&token=${token}`)
      answers.push((await socket.whenClosed()).reason)
      const protocols = ['chat', `bearer.${token}`]
      answers.push(
        (await new TestSocket(`${daemon.url}/?user_id=x`, { protocols }).whenClosed()).reason,
      )
    }
    const forwarded = { forwarded: 'for=203.0.113.1' }
    const event = { event: 'shop:news', data: {} }
    for (const secret of [BROADCAST_SECRET, `${BROADCAST_SECRET}x`]) {
      const headers = { ...forwarded, authorization: `Bearer ${secret}` }
      const answer = await post(`${api.url}/chat_websocket_broadcast.php`, event, headers)
      answers.push(JSON.stringify(answer.body))
    }
    // A failure inside is logged with all that is known of it.
    breakDatabase(folder)
    answers.push(JSON.stringify((await get(`${page}&token=${good}`)).body))

    await Promise.all([api.program.stop(), daemon.program.stop()])
    expect(api.program.output).toContain('GET /get_conversations.php')
    expectNoneOf(hidden, answers.join('\n'))
    expectNoneOf(hidden, api.program.output + daemon.program.output)
  },
)

test('a login that cannot be checked is logged without what it was tried with', async () => {
  const settings = {
    CHAT_AUTH: 'callback',
    CHAT_AUTH_CALLBACK_URL: 'http://127.0.0.1:1/whoami',
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
  }
  const { api, daemon } = await startChat(settings)
  const headers = {
    cookie: 'PHPSESSID=session-0123456789-abcdef',
    authorization: 'Bearer token-0123456789-abcdefghij',
  }

  expect(await askApi(api.url, 5, headers)).toMatch(/^503 /)
  expect(await askDaemon(daemon.url, 5, headers)).toMatch(/^1011 /)

  await Promise.all([api.program.stop(), daemon.program.stop()])
  const output = api.program.output + daemon.program.output
  expect(output).toContain('The authentication callback did not answer')
  expectNoneOf(['session-0123456789', 'token-0123456789'], output)
})
