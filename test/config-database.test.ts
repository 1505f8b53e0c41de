import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addressOf } from '../src/cli/open-store.ts'
import { readConfig } from '../src/config/config.ts'
import { makeCertificate } from './support/certificate.ts'
import { refusal } from './support/config.ts'
import { temporaryFolder } from './support/folders.ts'

const TAKES = 'CHAT_DATABASE must be a path, or a URL such as mysql://user@host:3306/database'

function address(settings: Record<string, string>) {
  return addressOf(readConfig(settings))
}

test('CHAT_DATABASE is a path, or the URL of a database on a server', () => {
  for (const value of ['chat.db', '/srv/chat.db', 'mysql', './mysql:chat', 'a:b.db']) {
    expect(readConfig({ CHAT_DATABASE: value }).database).toBe(value)
  }
  expect(address({ CHAT_DATABASE: 'mysql://shop@db.example/chat' })).toEqual({
    host: 'db.example',
    port: 3306,
    user: 'shop',
    password: '',
    database: 'chat',
    ca: undefined,
  })
  const settings = {
    CHAT_DATABASE: 'mysql://the%20shop@[::1]:3310/my%2Dchat',
    CHAT_DATABASE_PASSWORD: 'p@ss:word/#?',
  }
  expect(address(settings)).toMatchObject({
    host: '::1',
    port: 3310,
    user: 'the shop',
    password: 'p@ss:word/#?',
    database: 'my-chat',
  })
})

test('a password in CHAT_DATABASE is refused, and not shown', () => {
  for (const userInfo of ['shop:hunter2', ':hunter2', 'shop:hunter2%40']) {
    expect(refusal({ CHAT_DATABASE: `mysql://${userInfo}@db.example/chat` })).toBe(
      'CHAT_DATABASE must not hold the password: set CHAT_DATABASE_PASSWORD',
    )
  }
  // Nor where it is no such URL at all.
  for (const value of [
    'postgres://shop:hunter2@db.example/chat',
    'mysql://shop:hun/ter2@db.example/chat',
    'mysql://shop:hunter2@db.example:99999/chat',
    'mysql:shop:hunter2@db.example/chat',
    'MySQL://shop:hunter2@db.example/chat',
    'mysql://db.example/chat?user=shop&password=hunter2',
    'mysql://shop@db.example/chat?password=hunter2',
  ]) {
    expect(refusal({ CHAT_DATABASE: value })).toBe(TAKES)
  }
})

test.for([
  ['without a user', 'mysql://db.example/chat'],
  ['without a host', 'mysql:///chat'],
  ['without a database', 'mysql://shop@db.example'],
  ['with no name after the slash', 'mysql://shop@db.example/'],
  ['with a path of two', 'mysql://shop@db.example/chat/messages'],
  ['with a fragment', 'mysql://shop@db.example/chat#messages'],
  ['of another scheme', 'mariadb://shop@db.example/chat'],
  ['that is no URL', 'mysql://shop@db.example:port/chat'],
  ['with half a character', 'mysql://shop%E0@db.example/chat'],
] as const)('CHAT_DATABASE %s is refused', ([, value]) => {
  expect(refusal({ CHAT_DATABASE: value })).toContain(TAKES)
})

test('CHAT_DATABASE_CA is a file with a certificate', () => {
  const folder = temporaryFolder()
  const settings = { CHAT_DATABASE: 'mysql://shop@db.example/chat' }
  const { cert, key } = makeCertificate(folder, 'own')
  const empty = join(folder, 'empty')
  writeFileSync(empty, '')

  expect(address({ ...settings, CHAT_DATABASE_CA: cert }).ca).toContain('BEGIN CERTIFICATE')
  for (const [file, reason] of [
    [join(folder, 'missing'), 'ENOENT'],
    [folder, 'EISDIR'],
    [empty, 'ERR_OSSL_PEM_NO_START_LINE'],
    [key, 'ERR_OSSL_PEM_NO_START_LINE'],
  ] as const) {
    expect(() => address({ ...settings, CHAT_DATABASE_CA: file })).toThrow(
      `CHAT_DATABASE_CA: ${file} is no certificate that can be read (${reason})`,
    )
  }
})
