import { readFileSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { connect, sendText } from './support/clients.ts'
import { ON_SQLITE } from './support/engine.ts'
import { startChat } from './support/in-process.ts'
import { environment } from './support/running-program.ts'
import { waitFor } from './support/wait.ts'

test('a message reaches every socket of its receiver, and nobody else', async () => {
  const { api, daemon } = await startChat()
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)

  const sent = await sendText(api.url, 1, 2, 'Hello')

  expect(await phone.event('chat:message')).toEqual(sent)
  expect(await laptop.event('chat:message')).toEqual(sent)
  await stranger.settled()
  expect(stranger.all('chat:message')).toEqual([])
})

test.runIf(ON_SQLITE)(
  'the statement that schema.sql shows to other programs does what it says',
  async () => {
    const { folder, daemon } = await startChat()
    const socket = await connect(daemon.url, 1928800)
    const schema = readFileSync(new URL('../schema.sql', import.meta.url), 'utf8')
    const [statement = ''] = /INSERT INTO pending_events[^;]*;/.exec(schema) ?? []
    const database = new Sqlite(environment(folder).CHAT_DATABASE)

    database.exec(statement.replaceAll(/^--/gm, ''))
    database.close()

    expect(await socket.event('chat:typing')).toEqual({ sender_id: 1928798, is_typing: true })
  },
)

test.runIf(ON_SQLITE)(
  'a row that is no event is refused by the table, not left to the daemon',
  async () => {
    const { folder, daemon } = await startChat()
    const socket = await connect(daemon.url, 1)
    const database = new Sqlite(environment(folder).CHAT_DATABASE)
    const insert = database.prepare(
      'INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, ?)',
    )
    const largest = JSON.stringify('x'.repeat(1_048_574))

    for (const data of ['', 'hello', '{', "{'a':1}", '{a:1}', largest.replace('x', 'xx')]) {
      expect(() => insert.run('e', 1, data)).toThrow('CHECK constraint')
    }
    expect(() => insert.run('', 1, '{}')).toThrow('CHECK constraint')
    expect(() => insert.run('e'.repeat(65), 1, '{}')).toThrow('CHECK constraint')
    expect(() => insert.run('e', 0, '{}')).toThrow('CHECK constraint')

    insert.run('😀'.repeat(64), 1, largest)
    expect(await socket.event('😀'.repeat(64))).toBe('x'.repeat(1_048_574))
    database.close()
  },
)

test.runIf(ON_SQLITE)('the wake-up alone, or the tick alone, is enough', async () => {
  const alone: Record<string, string>[] = [
    { CHAT_POLL_INTERVAL_MS: '60000' },
    { CHAT_WAKE: 'off', CHAT_POLL_INTERVAL_MS: '100' },
  ]
  for (const settings of alone) {
    const { api, daemon } = await startChat(settings)
    const socket = await connect(daemon.url, 2)
    for (const count of [1, 2, 3]) {
      const sent = await sendText(api.url, 1, 2, 'Hello')
      expect(await socket.event('chat:message', count)).toEqual(sent)
    }
  }
})

test.runIf(ON_SQLITE)('delivered events leave the table, and ids are not used twice', async () => {
  const { folder, api, daemon } = await startChat({ CHAT_PRESENCE: 'off' })
  const socket = await connect(daemon.url, 2)
  const database = new Sqlite(environment(folder).CHAT_DATABASE, { readonly: true })
  const count = database.prepare('SELECT count(*) FROM pending_events').pluck()
  const last = database
    .prepare("SELECT seq FROM sqlite_sequence WHERE name = 'pending_events'")
    .pluck()

  await sendText(api.url, 1, 2, 'one')
  await socket.event('chat:message')
  await waitFor(() => count.get() === 0, 'the event to be deleted')
  await sendText(api.url, 1, 2, 'two')
  await socket.event('chat:message', 2)

  expect(last.get()).toBe(2)
  database.close()
})

test.runIf(ON_SQLITE)(
  'a row inserted by any other program is an event, forwarded word for word',
  async () => {
    const { folder, daemon } = await startChat({ CHAT_PRESENCE: 'off' })
    const ada = await connect(daemon.url, 1)
    const bob = await connect(daemon.url, 2)
    const frames: string[] = []
    ada.socket.on('message', (data) => frames.push(String(data)))
    const database = new Sqlite(environment(folder).CHAT_DATABASE)
    const insert = database.prepare(
      'INSERT INTO pending_events (event, user_id, data) VALUES (?, ?, ?)',
    )

    insert.run('order:shipped', 1, '{ "b":1,\n "a" : [ 1.0, "\\u00e9" ] }')
    insert.run('odd "name" \\ é', null, '{}')
    database.close()

    await ada.event('odd "name" \\ é')
    await bob.event('odd "name" \\ é')
    expect(frames).toEqual([
      '{"event":"order:shipped","data":{ "b":1,\n "a" : [ 1.0, "\\u00e9" ] }}',
      '{"event":"odd \\"name\\" \\\\ é","data":{}}',
    ])
    expect(bob.all('order:shipped')).toEqual([])
  },
)
