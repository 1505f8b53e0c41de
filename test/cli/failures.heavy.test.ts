import {
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { temporaryFolder } from '../support/folders.ts'
import { runProgram, startApi } from '../support/processes.ts'
import type { Program } from '../support/running-program.ts'
import { startRefusal } from '../support/start-refusal.ts'

const PROGRAMS: Program[] = ['chat-api', 'chat-websocket']

/** A path that cannot be made: the folder above it is a file. */
function belowFile(folder: string): string {
  writeFileSync(join(folder, 'file'), '')
  return join(folder, 'file', 'folder')
}

async function chatDatabase(folder: string): Promise<string> {
  const path = join(folder, 'chat.db')
  const database = await openDatabase(path, { durable: false })
  await database.close()
  return path
}

function sqlite(path: string): Sqlite.Database {
  const database = new Sqlite(path)
  onTestFinished(() => {
    database.close()
  })
  return database
}

test.for(PROGRAMS)(
  '%s refuses a port that is in use and says how to see by which program',
  async (program) => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => {
      server.close()
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const variable = program === 'chat-api' ? 'CHAT_API_PORT' : 'CHAT_WS_PORT'

    expect(await startRefusal(program, temporaryFolder(), { [variable]: `${port}` })).toContain(
      `Port ${port} on 127.0.0.1 is already in use by another program. ` +
        `See which: sudo ss -ltnp "sport = :${port}"; or choose another: ${variable}.`,
    )
  },
)

test.for(['192.0.2.1', '1::2::3'])(
  'the host %s is refused as none of this machine',
  async (host) => {
    const settings = {
      CHAT_HOST: host,
      CHAT_AUTH: 'none',
      CHAT_ALLOWED_ORIGINS: 'https://shop.example',
    }
    expect(await startRefusal('chat-websocket', temporaryFolder(), settings)).toContain(
      `${host} is no address of this machine. Change CHAT_HOST.`,
    )
  },
)

test('an uploads folder that cannot be written to is refused', async () => {
  const folder = temporaryFolder()
  const uploads = belowFile(folder)

  expect(await startRefusal('chat-api', folder, { CHAT_UPLOADS_DIR: uploads })).toBe(
    `The uploads folder ${uploads} cannot be written to. ` +
      'Make it writable for this user, or set CHAT_UPLOADS_DIR. (ENOTDIR)',
  )
})

test.for(['.incoming', 'chat', 'chat/images', 'chat/voice'])(
  'an uploads folder in which %s leads elsewhere is refused',
  async (name) => {
    const folder = temporaryFolder()
    const uploads = join(folder, 'uploads')
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    mkdirSync(join(uploads, name, '..'), { recursive: true })
    symlinkSync(elsewhere, join(uploads, name))

    expect(await startRefusal('chat-api', folder)).toBe(
      `${join(uploads, name)} is a symbolic link, and is not followed. ` +
        'Replace it by a folder, or set CHAT_UPLOADS_DIR to where files are to be kept.',
    )
    expect(readdirSync(elsewhere)).toEqual([])
  },
)

test.for(PROGRAMS)(
  '%s refuses a pid folder that cannot be written to, before it starts',
  async (program) => {
    const folder = temporaryFolder()
    const pidDir = belowFile(folder)
    const settings = { CHAT_PID_DIR: pidDir }
    const advice = 'Make its folder writable for this user, or set CHAT_PID_DIR.'

    const foreground = await runProgram(program, ['start'], folder, settings)
    expect(foreground.output).toBe(
      `${program}: ${pidDir}/${program}.pid cannot be written (ENOTDIR). ${advice}\n`,
    )
    expect(foreground).toMatchObject({ code: 1, errors: foreground.output })
    const background = await runProgram(program, ['start', '-d'], folder, settings)
    expect(background.output).toBe(
      `${program}: ${pidDir}/${program}.log cannot be written (ENOTDIR). ${advice}\n`,
    )
    expect(background).toMatchObject({ code: 1, errors: background.output })
  },
)

test.for(PROGRAMS)('%s refuses a file that is no database', async (program) => {
  const folder = temporaryFolder()
  const path = join(folder, 'chat.db')
  writeFileSync(path, 'Dear diary, today I had a chat with somebody. '.repeat(100))

  expect(await startRefusal(program, folder)).toBe(
    `Database ${path} is not an SQLite database. Move that file away or change CHAT_DATABASE.`,
  )
})

test.for(PROGRAMS)('%s refuses a damaged database', async (program) => {
  const folder = temporaryFolder()
  const path = await chatDatabase(folder)
  const { size } = statSync(path)
  writeSync(openSync(path, 'r+'), Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)

  expect(await startRefusal(program, folder)).toBe(
    `Database ${path} is damaged. ` +
      `Restore it from a backup, or save what is readable: sqlite3 ${path} .recover`,
  )
})

test('a database that was cut short is refused as damaged', async () => {
  const folder = temporaryFolder()
  const path = await chatDatabase(folder)
  const whole = sqlite(path).serialize()
  writeFileSync(path, whole.subarray(0, whole.length / 2))

  expect(await startRefusal('chat-api', folder)).toMatch(/ is damaged\. /)
})

test.for(PROGRAMS)('%s refuses the database of a newer version', async (program) => {
  const folder = temporaryFolder()
  const path = await chatDatabase(folder)
  const version = sqlite(path).pragma('user_version', { simple: true }) as number
  sqlite(path).pragma(`user_version = ${version + 1}`)

  expect(await startRefusal(program, folder)).toBe(
    `Database ${path} was written by a newer version ` +
      `(schema ${version + 1}, this program knows ${version}). Update this program.`,
  )
})

test.for(PROGRAMS)("%s refuses another program's database and leaves it alone", async (program) => {
  const folder = temporaryFolder()
  const path = join(folder, 'chat.db')
  sqlite(path).exec('CREATE TABLE orders (order_id INTEGER PRIMARY KEY)')

  expect(await startRefusal(program, folder)).toBe(
    `Database ${path} belongs to another program. Point CHAT_DATABASE at the chat's own file.`,
  )
  expect(sqlite(path).prepare('SELECT name FROM sqlite_schema').pluck().all()).toEqual(['orders'])
})

test('a database that another program keeps locked is refused, by both', async () => {
  const folder = temporaryFolder()
  const path = await chatDatabase(folder)
  const other = sqlite(path)
  other.pragma('locking_mode = EXCLUSIVE')
  other.exec('BEGIN EXCLUSIVE')

  const refusals = await Promise.all(PROGRAMS.map((program) => startRefusal(program, folder)))

  const line =
    `Database ${path} is locked by another program. ` +
    `Find it with: fuser ${path}; close it and start again.`
  expect(refusals).toEqual([line, line])
})

test('a program that keeps the write lock keeps the daemon from starting, not the API', async () => {
  const folder = temporaryFolder()
  sqlite(await chatDatabase(folder)).exec('BEGIN IMMEDIATE')

  expect(await startRefusal('chat-websocket', folder)).toContain('is locked by another program')
  await startApi(folder)
})

test.for(PROGRAMS)('%s refuses a database that cannot be made', async (program) => {
  const folder = temporaryFolder()
  const path = join(belowFile(folder), 'chat.db')

  expect(await startRefusal(program, folder, { CHAT_DATABASE: path })).toMatch(
    new RegExp(
      `^Database ${path} cannot be opened for writing \\(.+\\)\\. Check that its folder is writable\\.$`,
    ),
  )
})

test('a folder in the place of the database is refused', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'chat.db'))

  expect(await startRefusal('chat-websocket', folder)).toMatch(
    /chat\.db cannot be opened for writing/,
  )
})

test('a failed start leaves neither pid file nor lease: the next one succeeds', async () => {
  const folder = temporaryFolder()
  const uploads = belowFile(folder)
  expect(await startRefusal('chat-api', folder, { CHAT_UPLOADS_DIR: uploads })).toBeDefined()

  expect((await runProgram('chat-api', ['status'], folder)).code).toBe(3)
  await startApi(folder)
})

test.for(['connections', 'broadcast chat:notice {}'])(
  '"%s" creates no database where there is none',
  async (command) => {
    const folder = temporaryFolder()

    const { code, errors } = await runProgram('chat-websocket', command.split(' '), folder)

    expect(code).toBe(1)
    expect(errors).toBe(
      `chat-websocket: there is no database ${join(folder, 'chat.db')} yet. Start the chat first.\n`,
    )
  },
)
