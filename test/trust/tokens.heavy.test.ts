import { expect, test } from 'vitest'
import { JWT_SECRET } from '../support/auth.ts'
import { temporaryFolder } from '../support/folders.ts'
import { runProgram, startApi } from '../support/processes.ts'

const SETTINGS = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }

test('a minted token is good for an hour, or for as long as is asked for', async () => {
  const folder = temporaryFolder()
  const validSeconds = async (...flags: string[]) => {
    const args = ['token', '5', ...flags]
    const { output } = await runProgram('chat-websocket', args, folder, SETTINGS)
    const claims = Buffer.from(output.split('.')[1] ?? '', 'base64url').toString()
    const { exp, iat } = JSON.parse(claims)
    return exp - iat
  }
  // A second may begin between the two.
  expect([3_600, 3_601]).toContain(await validSeconds())
  expect([7, 8]).toContain(await validSeconds('--valid', '7'))
})

test('a public key that cannot be used stops both programs, in one line', async () => {
  const folder = temporaryFolder()
  const settings = { CHAT_AUTH: 'jwt', CHAT_JWT_PUBLIC_KEY_FILE: 'missing.pem' }
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const { code, output } = await runProgram(program, ['start'], folder, settings)
    expect(code).toBe(1)
    expect(output.trimEnd().split('\n').at(-1)).toBe(
      `${program}: CHAT_JWT_PUBLIC_KEY_FILE missing.pem cannot be used (ENOENT)`,
    )
  }
})

test('other machines are let in only when somebody has chosen who may be what', async () => {
  const folder = temporaryFolder()
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    const host = { CHAT_HOST: '0.0.0.0' }
    const { code, output } = await runProgram(program, ['start'], folder, host)
    expect(code).toBe(1)
    expect(output).toMatch(/^.*CHAT_HOST=0\.0\.0\.0 lets other machines in.*CHAT_AUTH=none.*\n$/)
  }
  const settings = { CHAT_HOST: '0.0.0.0', CHAT_AUTH: 'none' }
  const { code, output } = await runProgram('chat-api', ['start'], folder, settings)
  expect(code).toBe(1)
  expect(output).toMatch(/^.*CHAT_AUTH=none on CHAT_HOST=0\.0\.0\.0 .*CHAT_ALLOWED_ORIGINS.*\n$/)
  const origins = { CHAT_ALLOWED_ORIGINS: 'https://shop.example' }
  const { program } = await startApi(folder, { ...settings, ...origins })
  expect(await program.stop()).toBe(0)
})
