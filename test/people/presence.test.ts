import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { connect, get, sendText, type TestSocket } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { startApi, startChat } from '../support/in-process.ts'
import {
  conversationOf,
  setBlock,
  statusesOf,
  statusOf,
  toldSoFar,
  waitForStatus,
} from '../support/people.ts'
import * as processes from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

test('only the first socket of a user is told as online, and not to the user', async () => {
  const { daemon } = await startChat()
  const observer = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const online = await observer.event('chat:user_status')
  const laptop = await connect(daemon.url, 2)
  await toldSoFar(observer, daemon.url)

  expect(online).toEqual({
    user_id: 2,
    status: 'online',
    timestamp: expect.stringMatching(TIME),
  })
  expect(statusesOf(observer, 2)).toEqual(['online'])
  await Promise.all([phone.settled(), laptop.settled()])
  expect(statusesOf(phone, 2)).toEqual([])
  expect(statusesOf(laptop, 2)).toEqual([])
})

test('whoever is told that somebody has gone, and asks, is answered the same', async () => {
  const { folder, api, daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  const observer = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  await waitForStatus(observer, 2, 'online')

  const sqlite = new Sqlite(join(folder, 'chat.db'))
  sqlite.exec('BEGIN IMMEDIATE')
  // Ten times as long as it takes when nobody is in the way.
  setTimeout(() => sqlite.close(), 600)
  await phone.close()
  await waitForStatus(observer, 2, 'offline')

  expect(await statusOf(api.url, 2, 1)).toMatchObject({ is_online: false })
})

test('a user who comes and goes at once is announced as gone: who has asked meanwhile hears of it', async () => {
  const { daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  const observer = await connect(daemon.url, 1)
  await toldSoFar(observer, daemon.url)
  const phone = await connect(daemon.url, 2)
  await phone.close()
  await waitForStatus(observer, 2, 'offline')
})

test('a user is offline a while after the last socket has closed, not the first', async () => {
  const delayMs = 300
  const { daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: String(delayMs) })
  const observer = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)

  await phone.close()
  await comeAndGo(daemon.url, 99, observer)
  expect(statusesOf(observer, 2)).toEqual(['online'])

  const closedAt = Date.now()
  await laptop.close()
  await waitForStatus(observer, 2, 'offline')
  // Timers of two processes: each may round down by a millisecond.
  expect(Date.now() - closedAt).toBeGreaterThanOrEqual(delayMs - 2)
  await comeAndGo(daemon.url, 98, observer)
  expect(statusesOf(observer, 2)).toEqual(['online', 'offline'])
})

test('a page that is reloaded tells nobody; one that is closed for longer tells twice', async () => {
  const { daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '2500' })
  const observer = await connect(daemon.url, 1)
  const before = await connect(daemon.url, 2)
  await waitForStatus(observer, 2, 'online')
  await before.close()
  // Slower than changes are gathered: coming and going within that time is never told.
  await toldSoFar(observer, daemon.url)
  const after = await connect(daemon.url, 2)
  // Goes later than the page went, so its delay is over later.
  await comeAndGo(daemon.url, 99, observer)
  expect(statusesOf(observer, 2)).toEqual(['online'])

  await after.close()
  await waitForStatus(observer, 2, 'offline')
  await connect(daemon.url, 2)
  await waitFor(() => statusesOf(observer, 2).length === 3, 'the user to be back')
  expect(statusesOf(observer, 2)).toEqual(['online', 'offline', 'online'])
})

test('with CHAT_PRESENCE=contacts only those who share a conversation are told', async () => {
  const settings = { CHAT_PRESENCE: 'contacts', CHAT_OFFLINE_DELAY_MS: '100' }
  const { api, daemon } = await startChat(settings)
  await sendText(api.url, 1, 2, 'Hello')
  await sendText(api.url, 4, 2, 'Hello')
  const wroteToThem = await connect(daemon.url, 1)
  const stranger = await connect(daemon.url, 3)
  const otherContact = await connect(daemon.url, 4)
  const user = await connect(daemon.url, 2)

  await waitForStatus(wroteToThem, 2, 'online')
  await waitForStatus(otherContact, 2, 'online')
  await user.close()
  await waitForStatus(wroteToThem, 2, 'offline')
  await waitForStatus(otherContact, 2, 'offline')
  await stranger.settled()
  expect(stranger.all('chat:user_status')).toEqual([])
  // Those two never wrote to each other.
  expect(statusesOf(otherContact, 1)).toEqual([])
})

test('with CHAT_PRESENCE=off nobody is told, and is_online is true all the same', async () => {
  const settings = { CHAT_PRESENCE: 'off', CHAT_OFFLINE_DELAY_MS: '150' }
  const { api, daemon } = await startChat(settings)
  const observer = await connect(daemon.url, 1)
  // Each waits out a delay longer than changes are gathered for: what the first were to tell, would
  // have been told when the last has gone.
  for (const userId of [2, 3]) {
    const user = await connect(daemon.url, userId)
    await waitFor(async () => (await statusOf(api.url, userId, 1)).is_online, 'online')
    await user.close()
    await waitFor(async () => !(await statusOf(api.url, userId, 1)).is_online, 'offline')
  }
  await observer.settled()
  expect(observer.all('chat:user_status')).toEqual([])
})

test('neither of a blocked pair sees the other come or go, until they are unblocked', async () => {
  const { api, daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '100' })
  const observer = await connect(daemon.url, 1)
  await sendText(api.url, 2, 3, 'Hello')
  await setBlock(api.url, 2, 3, 1)
  const blocker = await connect(daemon.url, 2)
  const blocked = await connect(daemon.url, 3)
  await waitForStatus(observer, 3, 'online')
  await blocker.close()
  await waitForStatus(observer, 2, 'offline')
  const blockerAgain = await connect(daemon.url, 2)
  const markerId = await toldSoFar(observer, daemon.url)
  await Promise.all([blocked.settled(), blockerAgain.settled()])
  expect(statusesOf(blocker, 3)).toEqual([])
  expect(statusesOf(blocked, 2)).toEqual([])
  // They do see the others.
  expect(statusesOf(blocked, markerId)).toEqual(['online'])

  await setBlock(api.url, 2, 3, 0)
  await blockerAgain.close()
  await waitForStatus(blocked, 2, 'offline')
  await blocked.close()
  const blockerOnceMore = await connect(daemon.url, 2)
  await waitForStatus(observer, 3, 'offline')
  await connect(daemon.url, 3)
  await waitForStatus(blockerOnceMore, 3, 'online')
})

test('is_online, last_seen_at and connected_users are true in every process', async () => {
  const { api, daemon, folder } = await startChat({ CHAT_OFFLINE_DELAY_MS: '100' })
  const secondApi = await startApi(folder)
  await sendText(api.url, 1, 2, 'Hello')
  const seenByAll = async () => {
    const urls = [api.url, secondApi.url]
    return Promise.all(
      urls.map(async (url) => [
        (await statusOf(url, 2, 1)).is_online,
        (await conversationOf(url, 1, 2)).is_online,
        (await get(`${url}/health`)).body.data.connected_users,
      ]),
    )
  }
  expect(await seenByAll()).toEqual(Array(2).fill([false, false, 0]))
  expect((await statusOf(api.url, 2, 1)).last_seen_at).toBe(null)

  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const other = await connect(daemon.url, 3)
  // Users are counted, not sockets.
  expect((await phone.event('chat:connected')).connected_users).toBe(1)
  expect((await laptop.event('chat:connected')).connected_users).toBe(1)
  expect((await other.event('chat:connected')).connected_users).toBe(2)
  const bothOnline = JSON.stringify(Array(2).fill([true, true, 2]))
  await waitFor(async () => JSON.stringify(await seenByAll()) === bothOnline, 'them in the table')
  expect(await statusOf(api.url, 2, 1)).toMatchObject({ status: 'online', last_seen_at: null })

  await phone.close()
  await laptop.close()
  const oneOnline = JSON.stringify(Array(2).fill([false, false, 1]))
  await waitFor(async () => JSON.stringify(await seenByAll()) === oneOnline, 'the table to shrink')
  const gone = await statusOf(secondApi.url, 2, 1)
  expect(gone).toMatchObject({ status: 'offline', last_seen_at: expect.stringMatching(TIME) })
})

test.runIf(ON_SQLITE)(
  'what a killed daemon left is cleared by its successor, and a stopped one leaves nothing',
  async () => {
    const { api, daemon, folder } = await processes.startChat()
    const hello = await (await connect(daemon.url, 2)).event('chat:connected')
    await waitFor(async () => (await statusOf(api.url, 2, 1)).is_online, 'the row')
    await daemon.program.kill()
    const successor = await processes.startDaemon(folder)

    const cleared = await statusOf(api.url, 2, 1)
    expect(cleared.is_online).toBe(false)
    expect(cleared.last_seen_at >= hello.timestamp).toBe(true)

    await connect(successor.url, 3)
    await waitFor(async () => (await statusOf(api.url, 3, 1)).is_online, 'the row')
    await successor.program.stop()
    expect(await statusOf(api.url, 3, 1)).toMatchObject({
      is_online: false,
      last_seen_at: expect.stringMatching(TIME),
    })
  },
)

/** Somebody else connects and leaves; resolves when the observer has been told of both. */
async function comeAndGo(daemonUrl: string, userId: number, observer: TestSocket): Promise<void> {
  const visitor = await connect(daemonUrl, userId)
  await waitForStatus(observer, userId, 'online')
  await visitor.close()
  await waitForStatus(observer, userId, 'offline')
}
