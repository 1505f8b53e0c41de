import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { askApi, askDaemon, claimsOf, LISTED, signedWithSecret } from '../support/auth.ts'
import { get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { exchange } from '../support/raw-http.ts'
import type { Environment, Program } from '../support/running-program.ts'

const JWT_SECRET = 'jwt-secret-0123456789-abcdefghijklmnop'
const BROADCAST_SECRET = 'broadcast-secret-0123456789-abcdefghij'
const SECRETS = { CHAT_JWT_SECRET: JWT_SECRET, CHAT_BROADCAST_SECRET: BROADCAST_SECRET }
const SETTINGS = { CHAT_AUTH: 'jwt', ...SECRETS }
const PROGRAMS: Program[] = ['chat-api', 'chat-websocket']

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

test('a URL with a password is refused at start by both programs, without being shown', async () => {
  const settings = {
    CHAT_AUTH: 'callback',
    CHAT_AUTH_CALLBACK_URL: 'https://chat:hunter2hunter2hunter2@shop.example/whoami',
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
  }
  for (const program of PROGRAMS) {
    const { code, output } = await processes.runProgram(
      program,
      ['start'],
      temporaryFolder(),
      settings,
    )
    expect({ code, output }).toEqual({
      code: 1,
      output: `${program}: CHAT_AUTH_CALLBACK_URL must be a URL without user and password: those end up in logs\n`,
    })
  }
})

test('no status, help, list or argument of a process tells a secret', async () => {
  const { api, daemon, folder } = await processes.startChat(SETTINGS)
  const outputs: string[] = []
  for (const program of PROGRAMS) {
    for (const args of [['status'], ['status', '--json'], ['--help'], ['start', '--help']]) {
      const { code, output } = await processes.runProgram(program, args, folder, SETTINGS)
      expect([program, args, code]).toEqual([program, args, 0])
      outputs.push(output)
    }
  }
  outputs.push(
    (await processes.runProgram('chat-websocket', ['connections'], folder, SETTINGS)).output,
  )
  for (const { pid } of [api.program, daemon.program]) {
    outputs.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    outputs.push(readFileSync(`/proc/${pid}/comm`, 'utf8'))
  }
  expectNoneOf([JWT_SECRET, BROADCAST_SECRET], outputs.join('\n'))
})

test('a service in the background has its secrets in the environment, not in its arguments', async () => {
  const folder = temporaryFolder()
  const settings = { ...SETTINGS, CHAT_API_PORT: '0' }
  const { code, output } = await processes.runProgram('chat-api', ['start', '-d'], folder, settings)
  expect(code).toBe(0)
  try {
    const pid = /pid (\d+)/.exec(output)?.[1]
    const arguments_ = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    expect(arguments_).toContain('chat-api.js')
    const log = readFileSync(join(folder, 'chat-api.log'), 'utf8')
    expectNoneOf([JWT_SECRET, BROADCAST_SECRET], output + arguments_ + log)
  } finally {
    await processes.runProgram('chat-api', ['stop'], folder, settings)
  }
})

test('secrets have no flag', async () => {
  const folder = temporaryFolder()
  for (const program of PROGRAMS) {
    const help = await processes.runProgram(program, ['start', '--help'], folder)
    expect(help.output).toContain('--auth')
    expect(help.output).not.toMatch(/--\S*secret/)
    for (const flag of ['--jwt-secret', '--broadcast-secret']) {
      const { code, output } = await processes.runProgram(
        program,
        ['start', flag, JWT_SECRET],
        folder,
      )
      expect(code).toBe(1)
      expect(output).toContain(`unknown option '${flag}'`)
      expectNoneOf([JWT_SECRET], output)
    }
  }
})

test.each(Object.keys(SECRETS))('%s has at least 32 characters', async (variable) => {
  const folder = temporaryFolder()
  const attempt = async (secret: string) => {
    const settings: Environment = { CHAT_AUTH: 'none', [variable]: secret }
    return processes.runProgram('chat-websocket', ['status'], folder, settings)
  }
  const short = 'unguessable'.padEnd(31, '-')
  const refused = await attempt(short)
  expect(refused.code).toBe(1)
  const way = 'openssl rand -hex 32 makes one'
  expect(refused.output).toBe(
    `chat-websocket: ${variable} must be at least 32 characters long (${way})\n`,
  )
  // 3: it is not running, which is all that is wrong.
  expect((await attempt(`${short}-`)).code).toBe(3)
})
