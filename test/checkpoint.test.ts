import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { createLog } from '../src/log.ts'
import { Checkpointer } from '../src/sqlite/checkpointer.ts'
import { sendText } from './support/clients.ts'
import { temporaryFolder } from './support/folders.ts'
import * as processes from './support/processes.ts'
import { waitFor } from './support/wait.ts'

const MEGABYTE = 1024 * 1024

/** A log, and what was written to it. */
function logged() {
  const lines: { level: string; message: string }[] = []
  return { lines, log: createLog('json', (line) => lines.push(JSON.parse(line))) }
}

/** A database's name whose WAL is so large, on paper. */
function walOf(bytes: number): string {
  const path = join(temporaryFolder(), 'chat.db')
  writeFileSync(`${path}-wal`, '')
  truncateSync(`${path}-wal`, bytes)
  return path
}

test('a checkpoint thread that dies fails one run after the other, and hangs none', async () => {
  // Beside the TypeScript source there is no checkpoint-worker.js: no thread gets to start.
  const checkpointer = new Checkpointer(walOf(4 * MEGABYTE), logged().log)
  await expect(checkpointer.run()).rejects.toThrow('checkpoint-worker.js')
  await expect(checkpointer.run()).rejects.toThrow('checkpoint-worker.js')
  await checkpointer.stop()
})

test('a WAL of less than 4 MB is left alone', async () => {
  await new Checkpointer(walOf(4 * MEGABYTE - 1), logged().log).run()
  await new Checkpointer(join(temporaryFolder(), 'none.db'), logged().log).run()
})

test('a WAL that grows past 256 MB is warned of, once until it has shrunk', async () => {
  const path = walOf(256 * MEGABYTE - 1)
  const { lines, log } = logged()
  const checkpointer = new Checkpointer(path, log)
  const runs = async (bytes: number) => {
    truncateSync(`${path}-wal`, bytes)
    await checkpointer.run().catch(() => {})
    return lines.length
  }

  expect(await runs(256 * MEGABYTE - 1)).toBe(0)
  expect(await runs(256 * MEGABYTE)).toBe(1)
  expect(await runs(300 * MEGABYTE)).toBe(1)
  expect(await runs(0)).toBe(1)
  expect(await runs(256 * MEGABYTE)).toBe(2)
  expect(lines[0]).toMatchObject({
    level: 'warn',
    message: 'The write-ahead log has grown to 256 MB: some program keeps a read open',
  })
})

test('the running API copies a WAL past 4 MB back, while it answers', async () => {
  const folder = temporaryFolder()
  const { url, program } = await processes.startApi(folder)
  const path = join(folder, 'chat.db')
  const writer = new Sqlite(path, { timeout: 10_000 })
  onTestFinished(() => {
    writer.close()
  })
  // What is copied back is the doing of the API alone.
  writer.pragma('wal_autocheckpoint = 0')
  const insert = writer.prepare("INSERT INTO pending_events (event, data) VALUES ('test', ?)")
  const row = JSON.stringify({ text: 'x'.repeat(MEGABYTE / 2) })
  let posted = 0
  const poster = async () => {
    for (let count = 0; count < 50; count += 1) {
      await sendText(url, 1, 2, 'Hello')
      posted += 1
    }
  }

  const posting = Promise.all([poster(), poster()])
  for (let count = 0; count < 10; count += 1) insert.run(row)
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(4 * MEGABYTE)
  await waitFor(() => statSync(path).size > 4 * MEGABYTE, 'the database file to grow')
  await posting

  expect(posted).toBe(100)
  // All of it is in the file now, so the next frames start the WAL over instead of making it longer.
  const allCopied = () => {
    const [state] = writer.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[]
    return state !== undefined && state.log === state.checkpointed
  }
  await waitFor(allCopied, 'the rest to be copied')
  const { size } = statSync(`${path}-wal`)
  for (let count = 0; count < 5; count += 1) insert.run(row)
  expect(statSync(`${path}-wal`).size).toBe(size)
  expect(program.output.trimEnd().split('\n')).toHaveLength(3)
})
