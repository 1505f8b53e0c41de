import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkSockets } from '../../src/cli/checks/exposure.ts'
import { readConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { LOOPBACK_SOCKETS_MAX, PRESENCE_SOCKETS_MAX } from '../../src/thresholds.ts'
import { runDoctor, withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { environment } from '../support/running-program.ts'

async function folderWithDatabase(): Promise<{ folder: string; path: string }> {
  const folder = temporaryFolder()
  const path = environment(folder).CHAT_DATABASE as string
  await (await openDatabase(path, { durable: true })).close()
  chmodSync(path, 0o600)
  return { folder, path }
}

/** As a daemon with so many sockets of this address would leave the tables. */
function addSockets(path: string, count: number, address: string): void {
  withDatabase(path, (database) => {
    database.exec(`
      INSERT INTO users (user_id) VALUES (1);
      INSERT INTO daemons
        (daemon_id, hostname, pid, process_started_at, address, started_at, heartbeat_at, polled_at)
      VALUES (1, 'elsewhere', 1, '', 'ws://192.0.2.1:8089',
        datetime('now'), datetime('now'), datetime('now'));
    `)
    const insert = database.prepare(`
      INSERT INTO connections (daemon_id, user_id, address, connected_at)
      VALUES (1, 1, ?, datetime('now'))
    `)
    for (let index = 0; index < count; index += 1) insert.run(address)
  })
}

test('what is open to others is a warning for each, with the command that closes it', async () => {
  const { folder, path } = await folderWithDatabase()
  const closed = await runDoctor(folder)
  expect(closed.found('file rights')).toEqual({
    check: 'file rights',
    level: 'ok',
    message: 'nothing is open to more than CHAT_UMASK=0077 lets',
  })

  const uploads = join(folder, 'uploads')
  mkdirSync(uploads)
  chmodSync(path, 0o644)
  for (const each of [folder, uploads]) chmodSync(each, 0o755)
  const { code, checks } = await runDoctor(folder)

  const rights = checks.filter(({ check }) => check === 'file rights')
  expect(rights.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    `warning: ${folder} is open to others (0755). Do: chmod 0700 ${folder}`,
    `warning: ${path} is open to others (0644). Do: chmod 0600 ${path}`,
    `warning: ${uploads} is open to others (0755). Do: chmod 0700 ${uploads}`,
  ])
  expect(code).toBe(0)

  const lenient = await runDoctor(folder, { CHAT_UMASK: '0027' })
  const messages = lenient.checks.map(({ message }) => message)
  expect(messages).toContain(`${path} is open to others (0644). Do: chmod 0640 ${path}`)
})

test('a write-ahead log that is open to others is a warning', async () => {
  const { folder, path } = await folderWithDatabase()
  const database = await openDatabase(path, { durable: true })
  onTestFinished(() => database.close())
  chmodSync(`${path}-wal`, 0o664)

  const { checks } = await runDoctor(folder)

  const messages = checks.map(({ message }) => message)
  expect(messages).toContain(`${path}-wal is open to others (0664). Do: chmod 0600 ${path}-wal`)
})

test('doctor looks at the sockets that are open', async () => {
  const { folder, path } = await folderWithDatabase()
  addSockets(path, PRESENCE_SOCKETS_MAX + 1, '127.0.0.1')

  const { code, checks } = await runDoctor(folder)

  const found = checks.filter(({ check }) => check === 'sockets')
  expect(found).toMatchObject([
    { level: 'warning', message: expect.stringMatching(/each of 1001 .* CHAT_PRESENCE=contacts$/) },
    { level: 'warning', message: expect.stringMatching(/all 1001 .* CHAT_TRUST_PROXY=on$/) },
  ])
  expect(code).toBe(0)
})

/** Whether sockets of these addresses are a warning. */
function isWarning(settings: Record<string, string>, addresses: string[]): boolean {
  const findings = checkSockets(readConfig(settings), addresses)
  return findings.some(({ level }) => level === 'warning')
}

test('presence for all is a warning beyond 1,000 sockets', () => {
  const sockets = Array<string>(PRESENCE_SOCKETS_MAX).fill('203.0.113.7')
  const oneMore = [...sockets, '203.0.113.7']
  expect(isWarning({}, sockets)).toBe(false)
  expect(isWarning({}, oneMore)).toBe(true)
  expect(isWarning({ CHAT_PRESENCE: 'contacts' }, oneMore)).toBe(false)
  expect(PRESENCE_SOCKETS_MAX).toBe(1_000)
})

test('more than 100 sockets, all of them from this machine, are those of a proxy', () => {
  const local = Array<string>(LOOPBACK_SOCKETS_MAX).fill('127.0.0.1')
  const oneMore = [...local, '::ffff:127.0.0.1']
  expect(isWarning({}, local)).toBe(false)
  expect(isWarning({}, oneMore)).toBe(true)
  expect(isWarning({ CHAT_TRUST_PROXY: 'on' }, oneMore)).toBe(false)
  expect(isWarning({}, [...local, '203.0.113.7'])).toBe(false)
  expect(LOOPBACK_SOCKETS_MAX).toBe(100)
})
