import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import type { Chat } from '../../src/chat/chat.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'
import { SqliteStore } from '../../src/sqlite/store.ts'
import { withDatabase } from './doctor.ts'
import { temporaryFolder } from './folders.ts'
import { CHAT_OPTIONS } from './open-chat.ts'
import { runProgram } from './processes.ts'
import type { Environment } from './running-program.ts'

/** Runs `chat-api move` on the SQLite file in a folder. */
export function move(folder: string, url: string, settings: Environment = {}) {
  return runProgram('chat-api', ['move', url], folder, settings)
}

/** Does something to the chat of the SQLite file in a folder. */
export async function inFile<Result>(folder: string, use: (chat: Chat) => Promise<Result>) {
  const database = await openDatabase(join(folder, 'chat.db'), { durable: false })
  const webhookUrl = 'https://shop.example/push'
  const chat = new SqliteStore(database, { ...CHAT_OPTIONS, webhookUrl })
  try {
    return await use(chat)
  } finally {
    await chat.close()
  }
}

/** A folder whose file has so many messages, and nothing else that matters. */
export async function filledFolder(count: number): Promise<string> {
  const folder = temporaryFolder()
  await inFile(folder, async () => {})
  withDatabase(join(folder, 'chat.db'), (database) => {
    database.exec(`
      INSERT INTO users (user_id) VALUES (1), (2);
      INSERT INTO conversations (lower_user_id, higher_user_id) VALUES (1, 2);
      WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < ${count})
      INSERT INTO messages
        (conversation_id, sender_id, receiver_id, message_type, message, client_message_id)
      SELECT 1, 1, 2, 'text', 'This is the message of number ' || id, 'key-' || id FROM number;
      UPDATE conversations SET last_message_id = ${count}, higher_unread_count = ${count};
    `)
  })
  return folder
}

/** The messages in a database; 0 while there is no such table. */
export async function countOf(root: Connection): Promise<number> {
  const [rows] = await root.query('SELECT COUNT(*) AS count FROM messages').catch(() => [[]])
  return (rows as { count: number }[])[0]?.count ?? 0
}
