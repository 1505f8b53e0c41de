import { expect, onTestFinished, test } from 'vitest'
import type { Connections } from '../../src/chat/store.ts'
import { ChatError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { Presence } from '../../src/websocket/presence.ts'
import { HERE, readAll } from '../store/opened-store.ts'
import { openConnection } from '../support/hub-socket.ts'
import { openChat } from '../support/open-chat.ts'
import { waitFor } from '../support/wait.ts'

const USER = 7

/** The presence of a daemon, on a table that can be taken away. */
async function setUp({ now = () => new Date() } = {}) {
  const { chat } = await openChat()
  const { daemonId } = await chat.daemons.register(HERE)
  const table: Table = { isAway: false, failedCount: 0 }
  const presence = new Presence({
    connections: fragile(chat.connections, table),
    clock: { now },
    log: createLog('text', () => {}),
    presence: 'all',
    offlineDelayMs: 0,
    daemonId: () => daemonId,
    repairMs: 5,
  })
  onTestFinished(() => presence.stop())
  const { connection } = await openConnection({ userId: USER })
  const tail = chat.events.tail()
  const statuses = async () => (await readAll(tail)).map(({ data }) => JSON.parse(`${data}`).status)
  const rowCount = async () => (await chat.connections.list()).length
  return { chat, table, presence, connection, statuses, rowCount }
}

interface Table {
  isAway: boolean
  failedCount: number
}

function fragile(connections: Connections, table: Table): Connections {
  return new Proxy(connections, {
    get: (target, name: keyof Connections) => {
      const call = target[name].bind(target) as (...values: unknown[]) => Promise<unknown>
      return async (...values: unknown[]) => {
        if (!table.isAway) return call(...values)
        table.failedCount += 1
        throw new ChatError('unavailable', 'The table is away')
      }
    },
  })
}

test('a row that could not be written is written when the table is back, and announced', async () => {
  const { chat, table, presence, connection, statuses, rowCount } = await setUp()
  table.isAway = true
  await presence.opened(connection, { username: 'ada' })
  expect(await rowCount()).toBe(0)
  table.isAway = false
  await waitFor(async () => (await rowCount()) === 1, 'the row')
  expect(await chat.users.find(USER)).toMatchObject({ username: 'ada' })
  await waitFor(async () => (await statuses()).includes('online'), 'the announcement')
})

test('a row that could not be deleted is deleted when the table is back, and announced', async () => {
  const { table, presence, connection, statuses, rowCount } = await setUp()
  await presence.opened(connection, {})
  await waitFor(async () => (await statuses()).includes('online'), 'the announcement')
  table.isAway = true
  presence.closed(connection, true)
  await waitFor(() => table.failedCount > 0, 'the delete to fail')
  table.isAway = false
  await waitFor(async () => (await rowCount()) === 0, 'the row to be gone')
  await waitFor(async () => (await statuses()).includes('offline'), 'the announcement')
})

test('a change that could not be announced is announced when the table is back', async () => {
  const { table, presence, connection, statuses } = await setUp()
  await presence.opened(connection, {})
  table.isAway = true
  await waitFor(() => table.failedCount > 0, 'the announcement to fail')
  table.isAway = false
  await waitFor(async () => (await statuses()).includes('online'), 'the announcement')
})

test('a user was last seen by the clock of the store', async () => {
  const { chat, presence, connection } = await setUp({
    now: () => new Date('2026-01-23T20:00:00Z'),
  })
  await presence.opened(connection, {})
  presence.closed(connection, true)
  await waitFor(async () => (await chat.users.lastSeenAt(USER)) !== undefined, 'the end')
  expect(await chat.users.lastSeenAt(USER)).toBe('2026-01-23 20:00:00')
})
