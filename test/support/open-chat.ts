import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import type { ChatOptions } from '../../src/chat/chat.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { temporaryFolder } from './folders.ts'

export const CHAT_OPTIONS: ChatOptions = {
  publicUrl: 'http://localhost:8080',
  timezone: 'UTC',
  messageLengthMax: 5_000,
  echoesToSender: false,
  webhookUrl: '',
  webhookDelayMs: 0,
}

/** An empty chat without its services, and its file as another program has it open. */
export async function openChat(options: Partial<ChatOptions> = {}) {
  const path = join(temporaryFolder(), 'chat.db')
  const database = await openDatabase(path, { durable: false })
  const beside = new Sqlite(path)
  onTestFinished(async () => {
    beside.close()
    await database.close()
  })
  const chat = new SqliteStore(database, { ...CHAT_OPTIONS, ...options })
  return { chat, database, beside }
}

/** Inserts users 1 to `count`. */
export function insertUsers(beside: Sqlite.Database, count: number): void {
  beside
    .prepare(`
      WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ?)
      INSERT INTO users (user_id) SELECT id FROM number
    `)
    .run(count)
}

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/**
 * How many transactions stand in the write-ahead log of a database. Each page that one changed is a
 * frame, and the last of them says how large the database is then: a commit, and an fsync.
 */
export function commitsInWal(databasePath: string): number {
  const wal = readFileSync(`${databasePath}-wal`)
  const frameBytes = FRAME_HEADER_BYTES + wal.readUInt32BE(8)
  let commits = 0
  for (let frame = HEADER_BYTES; frame < wal.length; frame += frameBytes) {
    if (wal.readUInt32BE(frame + 4) > 0) commits += 1
  }
  return commits
}
