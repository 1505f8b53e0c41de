import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { connect, get, post, sendText } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat } from '../support/in-process.ts'
import { insertUsers } from '../support/open-chat.ts'
import { call, conversationOf, historyOf, setBlock, statusOf } from '../support/people.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

test('clients in the field can block and unblock, in each of their ways', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, 1, 2, 'Hello')
  const ways: [Record<string, unknown>, boolean][] = [
    [{ block: 1 }, true],
    [{ block: 0 }, false],
    [{ block: '1', action: 'block' }, true],
    [{ block: '0', action: 'unblock' }, false],
    [{ action: 'block' }, true],
    [{ action: 'block' }, true],
    [{ action: 'unblock' }, false],
    [{ action: 'unblock' }, false],
    [{ block: true }, true],
    [{ block: false }, false],
  ]
  for (const [wish, isBlocked] of ways) {
    const body = await call(api.url, 'block_unblock_user', {
      user_id: 1,
      blocked_user_id: 2,
      ...wish,
    })
    const state = { blocked: isBlocked, is_blocked: isBlocked }
    expect(body).toEqual({
      status: 'success',
      message: isBlocked ? 'User blocked successfully' : 'User unblocked successfully',
      data: { user_id: 1, blocked_user_id: 2, ...state },
      ...state,
    })
    const status = { user_id: 1, blocked_user_id: 2 }
    expect(await call(api.url, 'get_chat_user_status', status)).toMatchObject({
      status: 'success',
      ...state,
      is_online: false,
    })
  }
})

test('both endpoints take what mobile clients send: a form in which every value is a string', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, 1, 2, 'Hello')
  const pair = { user_id: '1', blocked_user_id: '2' }
  const form = new URLSearchParams({ ...pair, block: '1', action: 'block' })
  expect((await post(`${api.url}/block_unblock_user.php`, form)).body.is_blocked).toBe(true)
  const status = await post(`${api.url}/get_chat_user_status.php`, new URLSearchParams(pair))
  expect(status.body).toMatchObject({ status: 'success', blocked: true, is_blocked: true })
  const query = `user_id=1&blocked_user_id=2`
  const { body } = await get(`${api.url}/get_chat_user_status.php?${query}`)
  expect(body).toEqual(status.body)
})

test('a wish that contradicts itself, or none, or to block oneself, is refused', async () => {
  const api = await startApi(temporaryFolder())
  const pair = { user_id: 1, blocked_user_id: 2 }
  const bad = [
    pair,
    { ...pair, block: 1, action: 'unblock' },
    { ...pair, block: 0, action: 'block' },
    { ...pair, block: 2 },
    { ...pair, action: 'report' },
    { ...pair, block: 1, action: 'report' },
    { user_id: 1, blocked_user_id: 1, block: 1 },
    { user_id: 1, blocked_user_id: 1, block: 0 },
    { user_id: 1, block: 1 },
    { blocked_user_id: 2, block: 1 },
  ]
  for (const parameters of bad) {
    const { status, body } = await post(`${api.url}/block_unblock_user.php`, parameters)
    expect([parameters, status]).toEqual([parameters, 400])
    expect(body).toEqual({ status: 'error', message: expect.stringMatching(/\w/) })
  }
  expect(await statusOf(api.url, 2, 1)).toMatchObject({ is_blocked: false })
})

test('neither can write to the other; each is told why, and nothing is stored', async () => {
  const { api, daemon } = await startChat()
  const blocker = await connect(daemon.url, 1)
  const blocked = await connect(daemon.url, 2)
  await sendText(api.url, 1, 2, 'Hello')
  await setBlock(api.url, 1, 2, 1)

  const fromBlocked = await send(api.url, 2, 1)
  expect(fromBlocked.status).toBe(403)
  expect(fromBlocked.body).toEqual({
    status: 'error',
    message: 'This user has blocked you: your message was not sent',
  })
  const fromBlocker = await send(api.url, 1, 2)
  expect(fromBlocker.status).toBe(403)
  expect(fromBlocker.body).toEqual({
    status: 'error',
    message: 'You have blocked this user: unblock them to send a message',
  })
  // Others are not concerned.
  await sendText(api.url, 1, 3, 'Hello')
  await sendText(api.url, 3, 2, 'Hello')
  expect((await blocked.event('chat:message', 2)).sender_id).toBe(3)
  await blocker.settled()
  expect(blocker.all('chat:message')).toEqual([])
  expect((await historyOf(api.url, 1, 2)).length).toBe(1)

  await setBlock(api.url, 1, 2, 0)
  await sendText(api.url, 2, 1, 'Friends again?')
  await sendText(api.url, 1, 2, 'Friends again')
  expect((await blocker.event('chat:message')).message).toBe('Friends again?')
  expect((await blocked.event('chat:message', 3)).message).toBe('Friends again')
})

test('a block is of one person by another: both have to take theirs back', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, 1, 2, 'Hello')
  await setBlock(api.url, 1, 2, 1)
  await setBlock(api.url, 2, 1, 1)
  expect(await statusOf(api.url, 2, 1)).toMatchObject({
    is_blocked: true,
    is_blocked_by_other: true,
  })
  await setBlock(api.url, 1, 2, 0)
  expect(await statusOf(api.url, 2, 1)).toMatchObject({
    is_blocked: false,
    is_blocked_by_other: true,
  })
  expect((await send(api.url, 1, 2)).status).toBe(403)
  await setBlock(api.url, 2, 1, 0)
  expect((await send(api.url, 1, 2)).status).toBe(200)
})

test('whether somebody is online is hidden by a block, from both, wherever it is asked', async () => {
  const { api, daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  await sendText(api.url, 1, 2, 'Hello')
  const before = await connect(daemon.url, 2)
  await before.close()
  await waitFor(async () => (await statusOf(api.url, 2, 1)).last_seen_at !== null, 'them gone')
  await Promise.all([connect(daemon.url, 1), connect(daemon.url, 2)])
  const seen = async () => [
    (await statusOf(api.url, 2, 1)).is_online,
    (await statusOf(api.url, 1, 2)).is_online,
    (await conversationOf(api.url, 1, 2)).is_online,
    (await conversationOf(api.url, 2, 1)).is_online,
  ]
  await waitFor(async () => (await seen()).every(Boolean), 'both online')
  expect((await statusOf(api.url, 2, 1)).last_seen_at).not.toBe(null)

  await setBlock(api.url, 1, 2, 1)
  expect(await seen()).toEqual([false, false, false, false])
  for (const [userId, viewerId] of [
    [1, 2],
    [2, 1],
  ] as const) {
    expect(await statusOf(api.url, userId, viewerId)).toMatchObject({
      status: 'offline',
      last_seen_at: null,
    })
    expect((await conversationOf(api.url, viewerId, userId)).status).toBe('offline')
  }
  // A third person sees both.
  expect((await statusOf(api.url, 1, 3)).is_online).toBe(true)

  await setBlock(api.url, 1, 2, 0)
  expect(await seen()).toEqual([true, true, true, true])
})

test.runIf(ON_SQLITE)('only somebody who exists can be blocked, or block', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  const beside = openBeside(folder)
  const known = () => beside.prepare('SELECT user_id FROM users ORDER BY user_id').pluck().all()
  await sendText(api.url, 1, 2, 'Hello')
  // Filled in by the shop.
  beside.exec('INSERT INTO users (user_id) VALUES (3)')

  for (const [userId, otherId] of [
    [1, 99],
    [99, 1],
    [98, 99],
  ] as const) {
    const { status, body } = await block(api.url, userId, otherId)
    expect(status).toBe(404)
    expect(body).toEqual({ status: 'error', message: 'There is no such user' })
    const unblocked = await setBlock(api.url, userId, otherId, 0)
    expect(unblocked.is_blocked).toBe(false)
  }
  expect(known()).toEqual([1, 2, 3])
  for (const [userId, otherId] of [
    [2, 1],
    [1, 3],
    [3, 1],
  ] as const) {
    expect((await block(api.url, userId, otherId)).status).toBe(200)
  }
})

test.runIf(ON_SQLITE)(
  'who has proved who they are may block before they did anything else',
  async () => {
    const folder = temporaryFolder()
    const api = await startApi(folder, { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET })
    openBeside(folder).exec('INSERT INTO users (user_id) VALUES (1)')
    const as = (userId: number) => ({
      authorization: `Bearer ${signedWithSecret(claimsOf(userId))}`,
    })

    expect((await block(api.url, 5, 1, as(5))).status).toBe(200)
    expect((await block(api.url, 5, 99, as(5))).status).toBe(404)
    // Now they are known.
    expect((await block(api.url, 1, 5, as(1))).status).toBe(200)
  },
)

test.runIf(ON_SQLITE)(
  'a user may block so many others; then one has to be unblocked first',
  async () => {
    const folder = temporaryFolder()
    const api = await startApi(folder)
    const { max } = limits.blockList
    const beside = openBeside(folder)
    insertUsers(beside, max + 2)
    beside.exec(`
    INSERT INTO user_blocks (user_id, blocked_user_id)
    SELECT 1, user_id FROM users WHERE user_id BETWEEN 2 AND ${max}
  `)

    expect((await block(api.url, 1, max + 1)).status).toBe(200)
    const refused = await block(api.url, 1, max + 2)

    expect(refused.status).toBe(400)
    const message = 'You have blocked 1000 users: unblock some first'
    expect(refused.body).toEqual({ status: 'error', message })
    expect((await block(api.url, 1, 2)).status).toBe(200)
    expect((await block(api.url, max + 2, 1)).status).toBe(200)
    await setBlock(api.url, 1, 2, 0)
    expect((await block(api.url, 1, max + 2)).status).toBe(200)
  },
)

/** The database as another program has it open. */
function openBeside(folder: string): Sqlite.Database {
  const beside = new Sqlite(environment(folder).CHAT_DATABASE)
  onTestFinished(() => void beside.close())
  return beside
}

async function block(
  apiUrl: string,
  userId: number,
  otherId: number,
  headers: Record<string, string> = {},
) {
  const parameters = { user_id: userId, blocked_user_id: otherId, block: 1 }
  return post(`${apiUrl}/block_unblock_user.php`, parameters, headers)
}

async function send(apiUrl: string, from: number, to: number) {
  const message = { sender_id: from, receiver_id: to, message: 'Hello' }
  return post(`${apiUrl}/send_chat_message.php`, message)
}
