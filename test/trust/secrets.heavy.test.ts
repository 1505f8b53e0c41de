import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { runProgram, startChat } from '../support/processes.ts'
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

test('a URL with a password is refused at start by both programs, without being shown', async () => {
  const settings = {
    CHAT_AUTH: 'callback',
    CHAT_AUTH_CALLBACK_URL: 'https://chat:hunter2hunter2hunter2@shop.example/whoami',
    CHAT_ALLOWED_ORIGINS: 'https://shop.example',
  }
  for (const program of PROGRAMS) {
    const { code, output } = await runProgram(program, ['start'], temporaryFolder(), settings)
    expect({ code, output }).toEqual({
      code: 1,
      output: `${program}: CHAT_AUTH_CALLBACK_URL must be a URL without user and password: those end up in logs\n`,
    })
  }
})

test('no status, help, list or argument of a process tells a secret', async () => {
  const { api, daemon, folder } = await startChat(SETTINGS)
  const outputs: string[] = []
  for (const program of PROGRAMS) {
    for (const args of [['status'], ['status', '--json'], ['--help'], ['start', '--help']]) {
      const { code, output } = await runProgram(program, args, folder, SETTINGS)
      expect([program, args, code]).toEqual([program, args, 0])
      outputs.push(output)
    }
  }
  outputs.push((await runProgram('chat-websocket', ['connections'], folder, SETTINGS)).output)
  for (const { pid } of [api.program, daemon.program]) {
    outputs.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    outputs.push(readFileSync(`/proc/${pid}/comm`, 'utf8'))
  }
  expectNoneOf([JWT_SECRET, BROADCAST_SECRET], outputs.join('\n'))
})

test('a service in the background has its secrets in the environment, not in its arguments', async () => {
  const folder = temporaryFolder()
  const settings = { ...SETTINGS, CHAT_API_PORT: '0' }
  const { code, output } = await runProgram('chat-api', ['start', '-d'], folder, settings)
  expect(code).toBe(0)
  try {
    const pid = /pid (\d+)/.exec(output)?.[1]
    const arguments_ = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    expect(arguments_).toContain('chat-api.js')
    const log = readFileSync(join(folder, 'chat-api.log'), 'utf8')
    expectNoneOf([JWT_SECRET, BROADCAST_SECRET], output + arguments_ + log)
  } finally {
    await runProgram('chat-api', ['stop'], folder, settings)
  }
})

test('secrets have no flag', async () => {
  const folder = temporaryFolder()
  for (const program of PROGRAMS) {
    const help = await runProgram(program, ['start', '--help'], folder)
    expect(help.output).toContain('--auth')
    expect(help.output).not.toMatch(/--\S*secret/)
    for (const flag of ['--jwt-secret', '--broadcast-secret']) {
      const { code, output } = await runProgram(program, ['start', flag, JWT_SECRET], folder)
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
    return runProgram('chat-websocket', ['status'], folder, settings)
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
