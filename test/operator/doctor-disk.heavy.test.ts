import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { SCHEMA_VERSION } from '../../src/sqlite/migrations.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { WAL_WARNED_BYTES_MIN } from '../../src/thresholds.ts'
import { doctorOutput, HELD_TO_MODES, runDoctor, withDatabase } from '../support/doctor.ts'
import { temporaryFolder } from '../support/folders.ts'
import { environment } from '../support/running-program.ts'

/** A folder with the database of a chat that does not run. */
async function folderWithDatabase(): Promise<{ folder: string; path: string }> {
  const folder = temporaryFolder()
  const path = environment(folder).CHAT_DATABASE as string
  await (await openDatabase(path, { durable: true })).close()
  return { folder, path }
}

test('nothing is created where there is no chat yet, and that is no error', async () => {
  const folder = temporaryFolder()
  const diagnosis = await runDoctor(folder)

  expect(diagnosis.code).toBe(0)
  expect(diagnosis.found('database')).toMatchObject({ level: 'warning' })
  expect(diagnosis.found('uploads')).toMatchObject({ level: 'warning' })
  expect(diagnosis.found('chat-websocket')).toMatchObject({
    level: 'warning',
    message: 'is not running. Start it: chat-websocket start -d',
  })
  expect(readdirSync(folder)).toEqual([])

  writeFileSync(join(folder, 'chat.db'), '')
  const empty = await runDoctor(folder)
  expect(empty.found('database')?.message).toContain('is empty')
  expect(readdirSync(folder)).toEqual(['chat.db'])
  expect(readFileSync(join(folder, 'chat.db'))).toHaveLength(0)
})

test('looking changes nothing in the database', async () => {
  const { folder, path } = await folderWithDatabase()
  const before = readFileSync(path)

  expect((await runDoctor(folder)).found('database')?.level).toBe('ok')

  expect(readFileSync(path).equals(before)).toBe(true)
  expect(readdirSync(folder)).toEqual(['chat.db'])
})

test.for<[string, (path: string) => void, string]>([
  ['is no database', (path) => writeFileSync(path, 'x'.repeat(4096)), 'is not an SQLite database'],
  ['is a folder', (path) => mkdirSync(path), 'cannot be opened'],
  [
    'is of another program',
    (path) => withDatabase(path, (database) => database.exec('CREATE TABLE shop (id)')),
    'belongs to another program',
  ],
])('a file that %s is an error', async ([, make, message]) => {
  const folder = temporaryFolder()
  make(join(folder, 'chat.db'))

  const { code, found } = await runDoctor(folder)

  expect(code).toBe(1)
  expect(found('database')).toMatchObject({
    level: 'error',
    message: expect.stringContaining(message),
  })
})

test('a database of a newer version is an error', async () => {
  const { folder, path } = await folderWithDatabase()
  const newer = SCHEMA_VERSION + 1
  withDatabase(path, (database) => database.pragma(`user_version = ${newer}`))

  const { code, found } = await runDoctor(folder)

  expect(code).toBe(1)
  expect(found('database')?.message).toContain(`was written by a newer version (schema ${newer},`)
})

test('a database of which any page is damaged is an error', async () => {
  const { folder, path } = await folderWithDatabase()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 0x55), 0, 4096, 5 * 4096)
  closeSync(file)

  const { code, found } = await runDoctor(folder)

  expect(code).toBe(1)
  expect(found('database')).toMatchObject({
    level: 'error',
    message: expect.stringContaining('is damaged'),
  })
})

test('a database that is locked, or may only be read, is an error', async () => {
  const { folder, path } = await folderWithDatabase()
  const locking = new Sqlite(path)
  locking.exec('BEGIN IMMEDIATE')
  const locked = await runDoctor(folder)
  locking.exec('ROLLBACK')
  locking.close()
  expect(locked.code).toBe(1)
  expect(locked.found('database')?.message).toContain('is locked by another program')

  chmodSync(path, 0o444)
  const readOnly = await runDoctor(folder, {}, HELD_TO_MODES)
  expect(readOnly.code).toBe(1)
  expect(readOnly.found('database')?.message).toContain('cannot be opened for writing')
})

test('a write-ahead log of 256 MB is a warning, and one byte less is not', async () => {
  const levelAt = async (bytes: number) => {
    const { folder, path } = await folderWithDatabase()
    // Sparse: it takes no room.
    writeFileSync(`${path}-wal`, '')
    truncateSync(`${path}-wal`, bytes)
    return (await runDoctor(folder)).found('write-ahead log')?.level
  }
  const levels = [levelAt(WAL_WARNED_BYTES_MIN - 1), levelAt(WAL_WARNED_BYTES_MIN)]
  expect(await Promise.all(levels)).toEqual(['ok', 'warning'])
  expect(WAL_WARNED_BYTES_MIN).toBe(256 * 1024 * 1024)
})

test('an uploads folder that cannot be written to is an error', async () => {
  const folder = temporaryFolder()
  const locked = join(folder, 'locked')
  const open = join(folder, 'open')
  const file = join(folder, 'file')
  mkdirSync(locked, { mode: 0o555 })
  mkdirSync(open)
  writeFileSync(file, '')
  const [refused, written, wrong] = await Promise.all(
    [locked, open, file].map((CHAT_UPLOADS_DIR) =>
      runDoctor(folder, { CHAT_UPLOADS_DIR }, HELD_TO_MODES),
    ),
  )

  expect(refused?.code).toBe(1)
  expect(refused?.found('uploads')?.message).toContain('cannot be written to (EACCES)')
  expect(wrong?.code).toBe(1)
  expect(wrong?.found('uploads')?.message).toContain('cannot be written to (ENOTDIR)')
  expect(written?.found('uploads')?.level).toBe('ok')
  expect(readdirSync(open)).toEqual([])
})

test('a setting that makes no sense is one line and exit code 1', async () => {
  const { code, output } = await doctorOutput(temporaryFolder(), { CHAT_API_PORT: 'eighty' })
  expect(code).toBe(1)
  expect(output).toMatch(/^chat-websocket: CHAT_API_PORT must be .*\n$/)
})
