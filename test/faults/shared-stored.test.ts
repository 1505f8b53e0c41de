import type { Connection } from 'mysql2/promise'
import { describe, expect, test } from 'vitest'
import { port, TestDatabase } from '../mysql/open-mysql.ts'
import { send } from '../store/opened-store.ts'
import { readShared } from './shared-stored.ts'

/** Two users of one shard, and one of another. */
const [ADA, BOB, CARL] = [1, 257, 2]

/** Some messages, stored as the service does; then harm is done past it. */
async function problemsAfter(sql: string): Promise<string[]> {
  const database = new TestDatabase()
  const { store } = await database.open()
  await send(store, CARL, ADA, { clientMessageId: 'first' })
  await send(store, CARL, BOB)
  await send(store, ADA, CARL)
  await send(store, CARL, ADA)
  const other: Connection = await database.connect()
  expect((await readShared(other)).problems).toEqual([])
  await other.query(`SET SESSION check_constraint_checks = 0; ${sql}`)
  return (await readShared(other)).problems.map((problem) => problem.replace(/:.*/, ''))
}

const HARM: Record<string, [sql: string, ...problems: string[]]> = {
  'an event that is missing': [
    'DELETE FROM pending_events WHERE shard = 1 AND seq = 2',
    'shard with a hole in its events',
    'message without its event',
  ],
  'a newest event that is missing': [
    'UPDATE event_shards SET last_seq = 2 WHERE shard = 2',
    'shard with a hole in its events',
  ],
  'two events in each other’s place': [
    `UPDATE pending_events SET seq = seq + 10 WHERE shard = 1;
    UPDATE pending_events SET seq = 14 - seq WHERE shard = 1`,
    'event out of the order of its messages',
  ],
  'an unread count that is too high': [
    'UPDATE conversations SET lower_unread_count = lower_unread_count + 1 LIMIT 1',
    'conversation whose last message or unread counts are wrong',
  ],
  'an unread count that is too low': [
    "UPDATE messages SET read_at = NOW() WHERE client_message_id = 'first'",
    'conversation whose last message or unread counts are wrong',
  ],
  'a last message that is not the last': [
    'UPDATE conversations SET last_message_id = last_message_id - 1 LIMIT 1',
    'conversation whose last message or unread counts are wrong',
  ],
  'a message in a conversation of others': [
    `UPDATE messages SET conversation_id = (SELECT MAX(conversation_id) FROM conversations)
    WHERE client_message_id = 'first'`,
    'message in a conversation of others',
    'conversation whose last message or unread counts are wrong',
  ],
  'an event whose message is gone': [
    "DELETE FROM messages WHERE client_message_id = 'first'",
    'event without its message',
    'conversation whose last message or unread counts are wrong',
  ],
  'two messages of one try': [
    `ALTER TABLE messages DROP INDEX messages_by_client_id;
    UPDATE messages SET client_message_id = 'first'`,
    'client_message_id of several messages',
  ],
}

describe.skipIf(port === undefined)('the audit of a shared database finds', () => {
  for (const [what, [sql, ...problems]] of Object.entries(HARM)) {
    test(what, async () => {
      expect(new Set(await problemsAfter(sql))).toEqual(new Set(problems))
    })
  }

  test('every message and the number of events', async () => {
    const database = new TestDatabase()
    const { store } = await database.open()
    const { messageId } = await send(store, CARL, ADA, { clientMessageId: 'first' })
    const { messages, queuedCount } = await readShared(await database.connect())
    const ids = { messageId, senderId: CARL, receiverId: ADA, clientMessageId: 'first' }
    expect(messages).toMatchObject([{ ...ids, type: 'text', body: 'Hello', mediaPath: null }])
    expect(queuedCount).toBe(1)
  })
})
