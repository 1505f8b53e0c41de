import Sqlite from 'better-sqlite3'
import { openDatabase } from '../../src/sqlite/open-database.ts'

/** One of three messages stands in the conversation of users 1 and 2. */
const IN_LARGEST = 3
/** The others are spread over conversations of so many messages on average, up to so many users. */
const MESSAGES_PER_CONVERSATION = 10
const USERS_MAX = 100_000
/** In KB: the indexes are filled in any order. */
const CACHE_KB = 1_000_000

/**
 * Makes a database of `messages` messages as a chat of that size would have: users 1 and 2 talk all
 * the time, user 1 talks to each tenth of the others, and the newest message of each conversation is
 * unread.
 */
export async function fillDatabase(path: string, messages: number): Promise<void> {
  await (await openDatabase(path, { durable: true })).close()
  const sqlite = new Sqlite(path)
  sqlite.pragma('synchronous = OFF')
  sqlite.pragma('foreign_keys = OFF')
  sqlite.pragma(`cache_size = -${CACHE_KB}`)
  const others = Math.min(Math.max(60, Math.ceil(messages / MESSAGES_PER_CONVERSATION)), USERS_MAX)
  const parameters = { messages, others, inLargest: IN_LARGEST }
  sqlite.transaction(() => {
    for (const sql of [USERS, CONVERSATIONS, MESSAGES]) {
      // Each takes what it needs of them.
      const used = Object.entries(parameters).filter(([name]) => sql.includes(`@${name}`))
      sqlite.prepare(sql).run(Object.fromEntries(used))
    }
    sqlite.exec(LAST_MESSAGES)
    sqlite.exec('DELETE FROM conversations WHERE last_message_id = 0')
  })()
  sqlite.exec('ANALYZE')
  sqlite.close()
}

const USERS = `
  WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < @others + 2)
  INSERT INTO users (user_id, username, name) SELECT id, 'user' || id, 'User ' || id FROM number
`

const CONVERSATIONS = `
  WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < @others)
  INSERT INTO conversations (conversation_id, lower_user_id, higher_user_id)
  SELECT id, iif(id = 1 OR id % 10 = 0 OR id <= 60, 1, id), iif(id = 1, 2, id + 2) FROM number
`

const MESSAGES = `
  WITH RECURSIVE number (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM number WHERE id < @messages)
  INSERT INTO messages (message_id, conversation_id, sender_id, receiver_id, message_type, message,
    read_at, created_at)
  SELECT id, conversation_id, iif(id % 2, lower_user_id, higher_user_id),
    iif(id % 2, higher_user_id, lower_user_id), 'text', 'This is what was said as number ' || id,
    '2026-01-23 20:30:45', '2026-01-23 20:30:45'
  FROM number
  JOIN conversations
    ON conversation_id = iif(id % @inLargest = 0, 1, 1 + (id * 7919) % @others)
`

const LAST_MESSAGES = `
  UPDATE conversations SET last_message_id = coalesce((
    SELECT max(message_id) FROM messages
    WHERE is_recent = 0 AND messages.conversation_id = conversations.conversation_id
  ), 0);
  UPDATE messages SET read_at = NULL
  WHERE message_id IN (SELECT last_message_id FROM conversations);
  UPDATE conversations SET
    lower_unread_count = (SELECT receiver_id = lower_user_id FROM messages
      WHERE message_id = last_message_id),
    higher_unread_count = (SELECT receiver_id = higher_user_id FROM messages
      WHERE message_id = last_message_id)
  WHERE last_message_id > 0;
`
