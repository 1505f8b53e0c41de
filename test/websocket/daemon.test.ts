import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { prepareDaemon } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

/** A daemon, and the names of the events that are pending once its delivered ones are deleted. */
async function setUp(times: { undeliveredMs: number }) {
  const { chat, start, stop, lines } = await prepareDaemon(times)
  onTestFinished(() => expect(lines).toEqual([]))
  const pending = async () => (await chat.events.tail().read(9_000)).map(({ event }) => event)
  const untilPending = (...names: string[]) =>
    waitFor(async () => JSON.stringify(await pending()) === JSON.stringify(names), `only ${names}`)
  return { chat, start, stop, pending, untilPending }
}

const LONG_MS = 60_000

test('while clients may still reconnect, only events that reached no socket stay in the table', async () => {
  const { chat, start, untilPending } = await setUp({ undeliveredMs: LONG_MS })
  await chat.events.broadcast('before the start', 2, {})
  const url = await start()
  const ada = await connect(url, 1)
  await chat.events.broadcast('for nobody here', 2, {})
  await chat.events.broadcast('chat:typing', 2, {})
  await chat.events.broadcast('for Ada', 1, {})
  await ada.event('for Ada')
  await untilPending('before the start', 'for nobody here')

  const bob = await connect(url, 2)
  await bob.event('for nobody here')
  expect(bob.all('before the start')).toHaveLength(1)
  await untilPending()
})

test('after that they are deleted, and not sent to a client that connects then', async () => {
  const { chat, start, untilPending } = await setUp({ undeliveredMs: 50 })
  await chat.events.broadcast('before the start', 2, {})
  const url = await start()
  await untilPending()

  const bob = await connect(url, 2)
  await bob.settled()
  expect(bob.frames.map(({ event }) => event)).toEqual(['chat:connected', 'pong'])
})

test('more than one statement may delete is deleted in one run', async () => {
  const { chat, start, stop, pending } = await setUp({ undeliveredMs: LONG_MS })
  await Promise.all(
    Array.from({ length: 4_001 }, () => chat.events.broadcast('chat:typing', 2, {})),
  )
  await start()
  expect(await pending()).toHaveLength(4_001)
  await stop()
  expect(await pending()).toEqual([])
})

test('a daemon that was stopped leaves the rest to its successor', async () => {
  const { chat, start, stop, pending } = await setUp({ undeliveredMs: LONG_MS })
  const url = await start()
  const ada = await connect(url, 1)
  await chat.events.broadcast('delivered', 1, {})
  await chat.events.broadcast('undelivered', 2, {})
  await ada.event('delivered')
  await stop()
  await stop()

  expect((await ada.whenClosed()).code).toBe(1001)
  expect(await pending()).toEqual(['undelivered'])
  expect(await chat.daemons.list('anywhere')).toEqual([])
  await expect(fetch(url.replace('ws:', 'http:'))).rejects.toThrow()
})

test('what has come since the last poll has waited no longer, whatever its time says', async () => {
  const { path, start } = await prepareDaemon({}, { CHAT_POLL_INTERVAL_MS: '1000' })
  const url = await start()
  const database = new Sqlite(path)
  database.exec(`
    INSERT INTO pending_events (event, data, created_at)
    VALUES ('shop:sale', '{}', datetime('now', '-90 seconds'))
  `)
  database.close()

  const metrics = await fetch(`${url.replace('ws:', 'http:')}/metrics`)
  expect(await metrics.text()).toMatch(/^chat_event_lag_seconds 0$/m)
})

test('a daemon that was taken for dead closes its sockets, and gives them new rows', async () => {
  const { chat, path, start, lines } = await prepareDaemon({ heartbeatMs: 20 })
  const url = await start()
  const ada = await connect(url, 1)
  const [first] = await chat.connections.list()
  const database = new Sqlite(path)
  database.exec('DELETE FROM daemons')
  database.close()

  const closed = await ada.whenClosed()
  expect(closed).toEqual({ code: 1012, reason: expect.stringContaining('ask for what you missed') })
  await chat.messages.post({ senderId: 2, receiverId: 1, message: 'Missed' })
  const again = await connect(url, 1, { last_message_id: '0' })
  await again.event('chat:message')
  const rows = await chat.connections.list()
  expect(rows).toMatchObject([{ userId: 1 }])
  expect(rows[0]?.daemonId).toBeGreaterThan(first?.daemonId ?? 0)
  expect(lines).toEqual([expect.stringContaining('has registered again')])
})
