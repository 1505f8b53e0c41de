import { join } from 'node:path'
import { expect, test } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { send } from '../store/opened-store.ts'
import { runDoctor, withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { countOf, filledFolder, inFile, move } from '../support/move.ts'
import {
  linesOf,
  runProgram,
  startApi,
  startDaemon,
  startService,
  TestProgram,
} from '../support/processes.ts'
import type { Environment } from '../support/running-program.ts'
import { startRefusal } from '../support/start-refusal.ts'
import { waitFor } from '../support/wait.ts'

const here = test.skipIf(port === undefined)

here('a chat that runs is not moved, known by its pid file or by its lock', async () => {
  const folder = temporaryFolder()
  const database = new TestDatabase()
  const apart = { CHAT_PID_DIR: temporaryFolder() }
  const refusal = async () => {
    const { code, errors } = await move(folder, database.url)
    expect(code).toBe(1)
    return errors
  }
  const api = await startService('chat-api', folder)
  expect(await refusal()).toBe(
    `chat-api: chat-api runs (pid ${api.pid}). Stop it first: chat-api stop\n`,
  )
  await runProgram('chat-api', ['stop'], folder)

  const daemon = await startDaemon(folder, apart)
  expect(await refusal()).toBe(
    `chat-api: Another chat-websocket (pid ${daemon.program.pid}) serves this database. ` +
      'Stop it first: chat-websocket stop\n',
  )
  await daemon.program.stop()

  const other = await startApi(folder, apart)
  expect(await refusal()).toMatch(/chat\.db is locked by another program\. Find it with: fuser /)
  await other.program.stop()
  expect((await (await database.connect()).query('SHOW TABLES'))[0]).toEqual([])
  expect((await move(folder, database.url)).code).toBe(0)
})

here('a move that was killed is known as such, and can be repeated', async () => {
  const folder = await filledFolder(50_000)
  const database = new TestDatabase()
  const root = await database.connect()
  const first = new TestProgram('chat-api', ['move', database.url], folder, {})
  await waitFor(async () => (await countOf(root)) > 0, 'the first messages')
  await first.kill()
  expect(await countOf(root)).toBeLessThan(50_000)

  const half = `Database ${database.url} is half moved: no move to it has come to its end. `
  const settings = { CHAT_DATABASE: database.url }
  for (const program of ['chat-api', 'chat-websocket'] as const) {
    expect(await startRefusal(program, temporaryFolder(), settings)).toContain(half)
  }
  expect((await runDoctor(temporaryFolder(), settings)).found('database')?.message).toContain(half)
  const again = await move(folder, database.url)
  expect({ code: again.code, errors: again.errors }).toEqual({
    code: 1,
    errors: expect.stringContaining(half),
  })

  const name = database.address.database
  await root.query(
    `DROP DATABASE ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4; USE ${name}`,
  )
  expect((await move(folder, database.url)).code).toBe(0)
  expect(await countOf(root)).toBe(50_000)
})

here('what cannot be moved is told in one line, without a password', async () => {
  const folder = temporaryFolder()
  const { url } = new TestDatabase()
  const password = 'hunter2hunter2'
  const refusal = async (target: string, settings: Environment = {}) => {
    const { code, output, errors } = await move(folder, target, settings)
    expect(code).toBe(1)
    expect(linesOf(errors)).toHaveLength(1)
    expect(output).not.toContain(password)
    return errors
  }
  expect(await refusal(url)).toContain(`there is no database ${join(folder, 'chat.db')} yet.`)
  await inFile(folder, (chat) => send(chat, 1, 5))
  expect(await refusal(`mysql://root:${password}@127.0.0.1/chat`)).toBe(
    'chat-api: The URL must not hold the password: set CHAT_DATABASE_PASSWORD\n',
  )
  for (const target of ['chat.db', `postgres://root:${password}@127.0.0.1/chat`]) {
    expect(await refusal(target)).toMatch(/^chat-api: The URL must be .* mysql:\/\/user@host:3306/)
  }
  expect(await refusal(url, { CHAT_DATABASE: url })).toContain(
    'CHAT_DATABASE names the SQLite file',
  )
  expect(await refusal(url, { CHAT_DATABASE_PASSWORD: password })).toContain('refuses user root')

  withDatabase(join(folder, 'chat.db'), (file) => {
    file.prepare('UPDATE users SET name = ? WHERE user_id = 5').run('x'.repeat(101))
  })
  expect(await refusal(url)).toMatch(
    /cannot take the row of users with user_id 5: Data too long .* The target is half moved: drop it/,
  )
})
