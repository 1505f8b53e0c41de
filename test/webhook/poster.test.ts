import { expect, test } from 'vitest'
import { POSTS_MAX } from '../../src/webhook/pause.ts'
import { range, register, send } from '../store/opened-store.ts'
import { TestShop } from '../support/shop.ts'
import { waitFor } from '../support/wait.ts'
import { DUE_MS, openPoster } from './open-poster.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const texts = (count: number) => range(count).map((number) => `text ${number}`)

test('a message for a receiver without a socket is posted, signed, as the sender was answered', async () => {
  const { chat, shop, clock, countOf } = await openPoster()
  const message = await send(chat, 1, 2, { message: 'Grüße 😀' })
  clock.advance(DUE_MS)
  await waitFor(() => shop.taken.length > 0, 'the push')

  const timestamp = `${message.createdAt.replace(' ', 'T')}Z`
  const data = JSON.parse(JSON.stringify(chat.wire.message(message)))
  const id = `msg_${message.messageId}`
  expect(shop.taken).toEqual([{ id, type: 'chat.message', timestamp, data }])
  await waitFor(async () => (await chat.webhooks.backlog()).count === 0, 'the row to go')
  expect(countOf('taken')).toBe(1)
})

test('each receiver gets everything in order and one at a time, and many at the same time', async () => {
  const { chat, shop, clock } = await openPoster()
  const open = new Set<number>()
  const together: number[] = []
  shop.answer = async ({ data: { receiver_id } }) => {
    together.push(open.has(receiver_id) ? 1 : 0)
    open.add(receiver_id)
    await new Promise(setImmediate)
    open.delete(receiver_id)
    return { status: 204 }
  }
  const receivers = range(POSTS_MAX + 4).map((index) => 100 + index)
  for (const message of texts(5)) {
    await Promise.all(receivers.map((receiverId) => send(chat, 1, receiverId, { message })))
  }
  clock.advance(DUE_MS)
  await waitFor(() => shop.taken.length === receivers.length * 5, 'all of them')

  for (const receiverId of receivers) expect(shop.textsFor(receiverId)).toEqual(texts(5))
  expect(together).not.toContain(1)
  expect(shop.openMax).toBeGreaterThan(1)
  expect(shop.openMax).toBeLessThanOrEqual(POSTS_MAX)
})

test('whoever has a socket is not pushed, and their message is dropped once that has answered a ping', async () => {
  const settings = { CHAT_PING_INTERVAL_MS: '5000', CHAT_OFFLINE_DELAY_MS: '1000' }
  const { chat, shop, clock, countOf, looked } = await openPoster(settings)
  await (await register(chat))(2)
  await send(chat, 1, 2)
  await send(chat, 1, 3)
  const [{ daemonId } = { daemonId: 0 }] = await chat.daemons.list('here')
  const report = { position: 0, deliveredCount: 0, lagSeconds: 0, pollMs: 0 }
  const polledAt = new Date(clock.now().getTime() + 20_000)
  await chat.daemons.heartbeat(daemonId, { ...report, polledAt })
  // Two pings, a second until the user counts as offline, and ten until a daemon counts as dead.
  clock.advance(20_000)
  await waitFor(async () => (await chat.webhooks.backlog()).count === 1, 'the push for the other')
  await looked()
  expect(await chat.webhooks.backlog()).toMatchObject({ count: 1 })
  clock.advance(3_000)
  await waitFor(async () => (await chat.webhooks.backlog()).count === 0, 'the row to go')
  expect(shop.received).toHaveLength(1)
  expect(countOf('needless')).toBe(1)
})

test('a receiver whose socket dies before it has answered a ping is pushed, once they had time to be back', async () => {
  const { chat, shop, clock, looked } = await openPoster({ CHAT_WEBHOOK_DELAY_MS: '4000' })
  const { connectionId } = await (await register(chat))(2)
  await send(chat, 1, 2, { message: 'into the void' })
  clock.advance(6_000)
  await looked()
  await chat.connections.disconnect({ connectionId, userId: 2, seenAt: clock.now() })
  await looked()
  expect(shop.received).toEqual([])
  clock.advance(4_000)
  await waitFor(() => shop.textsFor(2).length === 1, 'the push')
})

test('a receiver who is back before the delay is over is not pushed', async () => {
  const { chat, shop, clock, looked } = await openPoster({ CHAT_WEBHOOK_DELAY_MS: '3000' })
  const connect = await register(chat)
  clock.advance(3_000)
  for (const userId of [2, 3]) await send(chat, 1, userId)
  clock.advance(1_500)
  await looked()
  expect(shop.received).toEqual([])
  await connect(2)
  clock.advance(3_000)
  await waitFor(() => shop.textsFor(3).length === 1, 'the push for the other')
  await looked()
  expect(shop.textsFor(2)).toEqual([])
})

test('the sockets of a daemon that died do not keep a receiver from being pushed', async () => {
  const { chat, shop, clock, beside } = await openPoster()
  await (await register(chat))(2)
  beside.exec("UPDATE daemons SET process_started_at = 'before'")
  await send(chat, 1, 2)
  clock.advance(DUE_MS)
  await waitFor(() => shop.textsFor(2).length === 1, 'the push')
})

test('the sockets of a daemon that hangs do not either', async () => {
  const { chat, shop, clock } = await openPoster()
  await (await register(chat))(2)
  await send(chat, 1, 2)
  clock.advance(12_000)
  await waitFor(() => shop.textsFor(2).length === 1, 'the push')
})

test('what was read or forgotten meanwhile is not pushed, nor what a block stands before', async () => {
  const { chat, shop, clock, countOf } = await openPoster()
  for (const [senderId, message] of [
    [1, 'read'],
    [3, 'of a blocker'],
    [4, 'of one who is blocked'],
    [5, 'for a push'],
    [6, 'forgotten'],
  ] as const) {
    await send(chat, senderId, 2, { message })
  }
  await chat.messages.markRead(2, { otherUserId: 1 })
  await chat.forgetting.messages([await chat.messages.lastId()])
  await chat.blocks.block(3, 2, true)
  await chat.blocks.block(2, 4, true)
  clock.advance(DUE_MS)
  await waitFor(async () => (await chat.webhooks.backlog()).count === 0, 'all to be settled')
  expect(shop.received.map(({ data }) => data.message)).toEqual(['for a push'])
  expect(countOf('needless')).toBe(4)
})

test.for([
  ['a status of 500', { status: 500 }],
  ['429', { status: 429 }],
  ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
  ['a connection that is cut', 'cut'],
] as const)('%s stops all posts but one now and then, until one is taken', async ([, answer]) => {
  const { chat, shop, clock, lines, looked } = await openPoster()
  shop.answer = () => answer
  for (const message of texts(3)) {
    for (const receiverId of [2, 3, 4]) await send(chat, 1, receiverId, { message })
  }
  clock.advance(DUE_MS)
  await waitFor(() => shop.received.length > 0, 'the first')
  await waitFor(() => lines.length > 0, 'the pause')
  await looked()
  const before = shop.received.length
  expect(before).toBeLessThanOrEqual(3)

  clock.advance(60_000)
  await waitFor(() => shop.received.length > before, 'another try')
  clock.advance(1_000)
  await looked()
  expect(shop.received).toHaveLength(before + 1)

  shop.answer = () => ({ status: 200 })
  const catchUp = () => {
    clock.advance(10_000)
    return shop.taken.length === 9
  }
  await waitFor(catchUp, 'all of them')
  for (const receiverId of [2, 3, 4]) expect(shop.textsFor(receiverId)).toEqual(texts(3))
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/warn {2}Webhooks are not posted: The application at CHAT_WEBHOOK_URL /)
  expect(lines[1]).toContain('Webhooks are posted again')
})

test('an application that cannot be reached is tried again, and gets everything in order', async () => {
  const shop = await TestShop.closed()
  const { chat, clock, lines } = await openPoster({}, shop)
  for (const message of texts(3)) await send(chat, 1, 2, { message })
  clock.advance(DUE_MS)
  await waitFor(() => lines.length > 0, 'the pause')
  expect(lines[0]).toContain('did not answer (fetch failed: connect ECONNREFUSED')
  await shop.start()
  const catchUp = () => {
    clock.advance(1_000)
    return shop.taken.length === 3
  }
  await waitFor(catchUp, 'all of them')
  expect(shop.textsFor(2)).toEqual(texts(3))
})

test('a 429 is given the time that its Retry-After asks for', async () => {
  const { chat, shop, clock, lines, looked } = await openPoster()
  shop.answer = () => ({ status: 429, headers: { 'retry-after': '600' } })
  await send(chat, 1, 2)
  clock.advance(DUE_MS)
  await waitFor(() => lines.length > 0, 'the pause')
  clock.advance(590_000)
  await looked()
  expect(shop.received).toHaveLength(1)
  clock.advance(10_000)
  await waitFor(() => shop.received.length === 2, 'another try')
})

test('a 404 for one receiver holds up nobody else, and is asked less and less often', async () => {
  const { chat, shop, clock, lines, countOf } = await openPoster()
  shop.answer = ({ data }) => ({ status: data.receiver_id === 2 ? 404 : 200 })
  for (const message of texts(2)) {
    for (const receiverId of [2, 3]) await send(chat, 1, receiverId, { message })
  }
  clock.advance(DUE_MS)
  await waitFor(() => shop.textsFor(3).length === 2, 'those for the other')
  const triesFor = () => shop.received.filter(({ data }) => data.receiver_id === 2)
  for (const [index, seconds] of [6, 11, 21, 41].entries()) {
    await waitFor(() => triesFor().length === index + 1, `try ${index + 1}`)
    await waitFor(
      async () => (await chat.webhooks.waiting(2, 1))[0]?.attempts === index + 1,
      'wait',
    )
    clock.advance(seconds * 1000)
  }
  expect(new Set(triesFor().map(({ data }) => data.message))).toEqual(new Set(['text 1']))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(
    'A webhook was refused: for user 2 (The application at CHAT_WEBHOOK_URL answered 404)',
  )
  expect(countOf('refused')).toBeGreaterThanOrEqual(4)

  shop.answer = () => ({ status: 200 })
  const catchUp = () => {
    clock.advance(60_000)
    return shop.textsFor(2).length === 2
  }
  await waitFor(catchUp, 'both')
  expect(shop.textsFor(2)).toEqual(texts(2))
})

test('a receiver for whom the application fails does not keep it from being tried with others', async () => {
  const { chat, shop, clock } = await openPoster()
  shop.answer = ({ data }) => ({ status: data.receiver_id === 2 ? 500 : 200 })
  await send(chat, 1, 2)
  clock.advance(DUE_MS)
  await waitFor(() => shop.received.length > 0, 'the failure')
  for (const receiverId of [3, 4, 5]) await send(chat, 1, receiverId)
  clock.advance(3_000)
  await waitFor(() => shop.taken.length === 3, 'the others')
})

test('what was taken but cannot be deleted is not posted again', async () => {
  const { chat, shop, clock, lines, beside, looked } = await openPoster()
  beside.exec(`
    CREATE TRIGGER kept BEFORE DELETE ON webhooks BEGIN SELECT RAISE(ABORT, 'kept'); END
  `)
  for (const message of texts(2)) await send(chat, 1, 2, { message })
  clock.advance(DUE_MS)
  await waitFor(() => lines.length > 0, 'the failure')
  for (const _ of range(3)) {
    clock.advance(60_000)
    await looked()
  }
  expect(shop.received).toHaveLength(1)
  beside.exec('DROP TRIGGER kept')
  clock.advance(60_000)
  await waitFor(() => shop.received.length === 2, 'the next')
  expect(shop.textsFor(2)).toEqual(texts(2))
})

test('a message that nobody took for a day is given up, and told of once', async () => {
  const shop = await TestShop.closed()
  const { chat, clock, poster, lines, countOf } = await openPoster({}, shop)
  for (const receiverId of [2, 3]) await send(chat, 1, receiverId)
  clock.advance(DAY_MS - 5_000)
  await poster.giveUp()
  expect(await chat.webhooks.backlog()).toMatchObject({ count: 2 })
  clock.advance(10_000)
  await send(chat, 1, 2)
  await poster.giveUp()
  expect(await chat.webhooks.backlog()).toMatchObject({ count: 1 })
  expect(countOf('given_up')).toBe(2)
  expect(lines.filter((line) => line.includes('given up'))).toHaveLength(1)
})

test('a stop waits for the post that is under way, and begins no other', async () => {
  const { chat, shop, clock, poster } = await openPoster()
  let answer = () => {}
  shop.answer = () =>
    new Promise((resolve) => {
      answer = () => resolve({ status: 200 })
    })
  for (const message of texts(2)) await send(chat, 1, 2, { message })
  clock.advance(DUE_MS)
  await waitFor(() => shop.received.length === 1, 'the post')
  const stopped = poster.stop()
  answer()
  await stopped
  await poster.stop()
  expect(shop.received).toHaveLength(1)
  expect(await chat.webhooks.backlog()).toMatchObject({ count: 1 })
})
