import type { RowDataPacket } from 'mysql2/promise'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Import } from '../../src/mysql/import.ts'
import { openDatabase } from '../../src/mysql/open-database.ts'
import { shardOf } from '../../src/mysql/shards.ts'
import { HERE, readAll, send } from '../store/opened-store.ts'
import { port, TestDatabase } from './open-mysql.ts'

const USERS = table('users', ['user_id', 'username', 'name', 'profile_url', 'last_seen_at'])
const CONVERSATIONS = table('conversations', [
  'conversation_id',
  'lower_user_id',
  'higher_user_id',
  'last_message_id',
  'lower_unread_count',
  'higher_unread_count',
])
const MESSAGES = table('messages', [
  'message_id',
  'conversation_id',
  'sender_id',
  'receiver_id',
  'message_type',
  'message',
  'media_path',
  'media_duration',
  'file_size',
  'client_message_id',
  'read_at',
  'created_at',
])
const BLOCKS = table('user_blocks', ['user_id', 'blocked_user_id', 'created_at'])
const EVENTS = table('pending_events', [
  'event_id',
  'event',
  'user_id',
  'data',
  'created_at',
  'message_id',
  'subject_user_id',
])
const TABLES = [USERS, CONVERSATIONS, MESSAGES, BLOCKS, EVENTS]
const TIME = '2026-01-23 20:30:45'
/** What a database could take for something else. */
const TEXTS = [
  'Grüße 👩‍👩‍👧',
  'a\0b',
  'It\'s \\n a "quote"; -- `DROP`',
  ' around ',
  'line\r\nline\u2028',
  '\ufffd\u0301',
]

function table(name: string, columns: string[], lastId = 0) {
  return { name, columns, lastId }
}

function user(userId: number, name = ''): unknown[] {
  return [userId, '', name, '', null]
}

function message(messageId: number, text: string, clientMessageId: string | null = null) {
  return [messageId, 1, 1, 2, 'text', text, null, null, null, clientMessageId, null, TIME]
}

function event(eventId: number, name: string, userId: number | null): unknown[] {
  return [eventId, name, userId, `{"id":${eventId}}`, TIME, null, null]
}

async function begin(database = new TestDatabase()) {
  const target = await Import.begin(database.address)
  onTestFinished(() => target.close())
  return { database, target }
}

const nothing = () => {}

describe.skipIf(port === undefined)('an import', () => {
  test('keeps every text byte for byte, and reads it back', async () => {
    const { database, target } = await begin()
    await target.add(USERS, [user(1, TEXTS[0]), user(2)])
    const clientIds = ['Key', 'key', 'key ', 'k\u00e9y', 'ke\u0301y', 'k\0y']
    const rows = TEXTS.map((text, index) => message(index + 1, text, clientIds[index]))
    const path = 'chat/images/ü .jpg'
    const image = [99, 1, 2, 1, 'image', '', path, null, 2 ** 40, null, TIME, TIME]
    await target.add(MESSAGES, [...rows, image])

    const checksum = await target.check(MESSAGES, nothing)
    expect(checksum.count).toBe(rows.length + 1)
    const root = await database.connect()
    const [found] = await root.query<RowDataPacket[]>(
      'SELECT message, HEX(client_message_id) AS id FROM messages WHERE message_id < 99',
    )
    expect(found.map((row) => row.message)).toEqual(TEXTS)
    expect(found.map(({ id }) => Buffer.from(id, 'hex').toString())).toEqual(clientIds)
  })

  test('numbers events in their order, each shard from where it ended', async () => {
    const database = new TestDatabase()
    const { store, database: opened } = await database.open()
    await store.events.broadcast('shop:old', 1, {})
    await opened.write('DELETE FROM pending_events')
    await store.close()
    const { target } = await begin(database)

    await target.add(EVENTS, [event(7, 'a', 1), event(8, 'b', null)])
    await target.add(EVENTS, [event(9, 'c', 257), event(12, 'd', 2), event(13, 'e', 1)])
    await target.check(EVENTS, nothing)
    await target.finish(TABLES)

    const { store: moved } = await database.open()
    const read = await readAll(moved.events.tail())
    const ofShard = (shard: number) => read.filter(({ userId }) => shardOf(userId) === shard)
    expect(ofShard(1).map(({ event }) => event)).toEqual(['a', 'c', 'e'])
    expect(read).toHaveLength(5)
    await moved.events.broadcast('shop:new', 1, {})
    const root = await database.connect()
    const [shards] = await root.query(
      'SELECT last_seq FROM event_shards WHERE shard IN (1, 2, 256)',
    )
    expect(shards).toEqual([{ last_seq: 5 }, { last_seq: 1 }, { last_seq: 1 }])
  })

  test('gives no id again that was ever given', async () => {
    const { database, target } = await begin()
    await target.add(USERS, [user(1), user(2)])
    await target.finish([
      { ...CONVERSATIONS, lastId: 70 },
      { ...MESSAGES, lastId: 5_000 },
    ])

    const { store } = await database.open()
    const sent = await send(store, 1, 2)
    expect(sent).toMatchObject({ messageId: 5_001, conversationId: 71 })
  })

  test('names the row that the server refuses, or would store as another', async () => {
    const { target } = await begin()
    const long = [user(1), user(2), user(17, 'x'.repeat(101)), user(18)]
    await expect(target.add(USERS, long)).rejects.toMatchObject({
      code: 'setup',
      message: expect.stringMatching(
        /cannot take the row of users with user_id 17: Data too long for column 'name' at row 1\.$/,
      ),
    })
    for (const time of ['2026-1-3 4:05:06', '2026-01-23', '2026-01-23 20:30:45.5', '']) {
      await expect(target.add(BLOCKS, [[3, 4, time]])).rejects.toThrow(
        `cannot take the row of user_blocks with user_id 3: created_at is "${time}", no time`,
      )
    }
    await expect(target.add(BLOCKS, [[3, 4, '2026-02-30 00:00:00']])).rejects.toThrow(
      'cannot take the row of user_blocks with user_id 3: Incorrect datetime value',
    )
  })

  test('finds a row that was lost, added or changed meanwhile', async () => {
    const { database, target } = await begin()
    const root = await database.connect()
    const rows = Array.from({ length: 5_000 }, (_, index) => user(index + 1, `User ${index}`))
    await target.add(USERS, rows)
    const counts: number[] = []
    await target.check(USERS, (count) => counts.push(count))
    expect(counts).toEqual([2_000, 2_000, 1_000])

    await root.query("UPDATE users SET name = 'user 4000' WHERE user_id = 4001")
    await expect(target.check(USERS, nothing)).rejects.toThrow('has other rows in users than')
    await root.query('DELETE FROM users WHERE user_id = 4001')
    const missing = 'has 4999 rows in users, where 5000 were written.'
    await expect(target.check(USERS, nothing)).rejects.toThrow(missing)
    await root.query("INSERT INTO user_blocks VALUES (1, 2, '2026-01-23 20:30:45')")
    await expect(target.check(BLOCKS, nothing)).rejects.toThrow(
      'has 1 rows in user_blocks, where 0',
    )
  })

  test('keeps services and other imports away until it is finished', async () => {
    const { database, target } = await begin()
    const half =
      `Database ${database.url} is half moved: no move to it has come to its end. ` +
      'Drop the database, create it again, and repeat: chat-api move'
    const openings = [{ onMigrated: nothing }, {}].map(
      (options) => () => openDatabase(database.address, options),
    )
    for (const open of [...openings, () => Import.begin(database.address)]) {
      await expect(open()).rejects.toMatchObject({ code: 'setup', message: half })
    }

    await target.finish(TABLES)
    await database.open()
  })

  test.for(TABLES.map(({ name }) => name))('takes no database with rows in %s', async (name) => {
    const database = new TestDatabase()
    const { database: opened } = await database.open()
    const rows: Record<string, string> = {
      users: '(user_id) VALUES (1)',
      conversations: '(lower_user_id, higher_user_id) VALUES (1, 2)',
      messages: `(conversation_id, sender_id, receiver_id, message_type, message, created_at)
        VALUES (1, 1, 2, 'text', 'Hello', NOW())`,
      user_blocks: '(user_id, blocked_user_id, created_at) VALUES (1, 2, NOW())',
      pending_events: `(event, data) VALUES ('shop:sale', '{}')`,
    }
    await opened.write(`INSERT INTO ${name} ${rows[name]}`)

    await expect(Import.begin(database.address)).rejects.toThrow(
      `is not empty: there are ${name.replace('_', ' ')}. Create another, and move there.`,
    )
    // It was not touched.
    await database.open()
  })

  test('takes no database that a daemon serves', async () => {
    const database = new TestDatabase()
    const { store } = await database.open()
    const { daemonId } = await store.daemons.register(HERE)
    await expect(Import.begin(database.address)).rejects.toThrow('is in use by a chat-websocket')

    const { position } = store.events.tail()
    const report = { position, deliveredCount: 0, lagSeconds: 0, pollMs: 0, polledAt: new Date() }
    await store.daemons.unregister(daemonId, report)
    await begin(database)
  })
})
