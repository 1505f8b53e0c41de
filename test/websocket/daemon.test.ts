import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { openDaemon } from '../support/open-daemon.ts'
import { waitFor } from '../support/wait.ts'

/** A daemon whose chores run when the test says so. */
async function setUp(options: { backlogMs: number }) {
  const { daemon, chat, start, lines } = await openDaemon(options)
  onTestFinished(() => expect(lines).toEqual([]))
  const deleteDelivered = daemon.chores().find(({ name }) => name === 'Deleting delivered events')
  const pendingAfterDeleting = async () => {
    await deleteDelivered?.run()
    return (await chat.events.tail().read(1_000)).map(({ event }) => event)
  }
  return { daemon, chat, start, pendingAfterDeleting }
}

const LONG_MS = 60_000

test('while clients may still come back, what nobody got stays in the table, and only that', async () => {
  const { chat, start, pendingAfterDeleting } = await setUp({ backlogMs: LONG_MS })
  await chat.events.broadcast('before the start', 2, {})
  const url = await start()
  const ada = await connect(url, 1)
  await chat.events.broadcast('for nobody here', 2, {})
  await chat.events.broadcast('chat:typing', 2, {})
  await chat.events.broadcast('for Ada', 1, {})
  await ada.event('for Ada')
  expect(await pendingAfterDeleting()).toEqual(['before the start', 'for nobody here'])

  const bob = await connect(url, 2)
  await bob.event('for nobody here')
  expect(bob.all('before the start')).toHaveLength(1)
  expect(await pendingAfterDeleting()).toEqual([])
})

test('after that it is deleted, and who comes then is not told', async () => {
  const { chat, start, pendingAfterDeleting } = await setUp({ backlogMs: 50 })
  await chat.events.broadcast('before the start', 2, {})
  const url = await start()
  await waitFor(async () => (await pendingAfterDeleting()).length === 0, 'the window to close')

  const bob = await connect(url, 2)
  await bob.settled()
  expect(bob.frames.map(({ event }) => event)).toEqual(['chat:connected', 'pong'])
})

test('more than one statement may delete is deleted in one go', async () => {
  const { chat, start, pendingAfterDeleting } = await setUp({ backlogMs: LONG_MS })
  await Promise.all(
    Array.from({ length: 4_001 }, () => chat.events.broadcast('chat:typing', 2, {})),
  )
  await start()
  expect(await pendingAfterDeleting()).toEqual([])
})

test('a daemon that was stopped leaves the rest to its successor', async () => {
  const { chat, daemon, start } = await setUp({ backlogMs: LONG_MS })
  const url = await start()
  const ada = await connect(url, 1)
  await chat.events.broadcast('told', 1, {})
  await chat.events.broadcast('untold', 2, {})
  await ada.event('told')
  await daemon.stop()
  await daemon.stop()

  expect((await ada.whenClosed()).code).toBe(1001)
  expect((await chat.events.tail().read(10)).map(({ event }) => event)).toEqual(['untold'])
  expect(await chat.daemons.find('anywhere')).toBeUndefined()
  await expect(fetch(url.replace('ws:', 'http:'))).rejects.toThrow()
})

test('what has come since the last poll has waited no longer, whatever its time says', async () => {
  const { path, metrics, start } = await openDaemon({}, { CHAT_POLL_INTERVAL_MS: '1000' })
  await start()
  const database = new Sqlite(path)
  database.exec(`
    INSERT INTO pending_events (event, data, created_at)
    VALUES ('shop:sale', '{}', datetime('now', '-90 seconds'))
  `)
  database.close()

  expect(await metrics.registry.text()).toMatch(/^chat_event_lag_seconds 0$/m)
})
