import { expect, test } from 'vitest'
import { connect, post, sendText, type TestSocket } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { call, conversationOf, historyOf, setBlock } from '../support/people.ts'
import { waitFor } from '../support/wait.ts'

const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/

test('reading by socket is sent to the sender and to the devices of the reader', async () => {
  const { api, daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const senderLaptop = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)
  const sent = await sendText(api.url, 1, 2, 'Hello')

  phone.send(reading(sent.message_id))

  const expected = {
    message_id: sent.message_id,
    read_by: 2,
    conversation_id: sent.conversation_id,
    read_at: expect.stringMatching(TIME),
  }
  for (const socket of [sender, senderLaptop, laptop]) {
    expect(await socket.event('chat:read')).toEqual(expected)
  }
  const everybody = [sender, senderLaptop, phone, laptop, stranger]
  await end(api.url, everybody)
  expect(everybody.map((socket) => socket.all('chat:read').length)).toEqual([1, 1, 1, 1, 0])
  expect(await conversationOf(api.url, 2, 1)).toMatchObject({ unread_count: 0 })
  expect(await historyOf(api.url, 1, 2)).toMatchObject([{ is_read: true }])
})

test('reading takes in what came before it in that conversation, and nothing else', async () => {
  const { api, daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const [first, second, third] = await sendTexts(api.url, 1, 2, 3)
  await sendText(api.url, 3, 2, 'From somebody else')
  await sendText(api.url, 2, 1, 'An answer')
  const phone = await connect(daemon.url, 2)

  phone.send(reading(second))
  expect(await sender.event('chat:read')).toMatchObject({ message_id: second, read_by: 2 })
  expect(await isRead(api.url, 1, 2)).toEqual([true, true, false, false])
  expect(await isRead(api.url, 3, 2)).toEqual([false])
  expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(1)
  expect((await conversationOf(api.url, 2, 3)).unread_count).toBe(1)
  expect((await conversationOf(api.url, 1, 2)).unread_count).toBe(1)

  // Backwards, and again: no change, no event.
  phone.send(reading(first))
  phone.send(reading(second))
  await phone.settled()
  phone.send(reading(String(third)))
  expect(await sender.event('chat:read', 2)).toMatchObject({ message_id: third })
  expect(await isRead(api.url, 1, 2)).toEqual([true, true, true, false])
  expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(0)
  await end(api.url, [sender, phone])
  expect(sender.all('chat:read').length).toBe(2)
  expect(phone.all('error')).toEqual([])
})

test("one's own message marks what was received before it, never itself", async () => {
  const { api, daemon } = await startChat()
  const [received] = await sendTexts(api.url, 1, 2, 1)
  const own = await sendText(api.url, 2, 1, 'An answer')
  const later = await sendText(api.url, 1, 2, 'Later')
  const sender = await connect(daemon.url, 1)
  const reader = await connect(daemon.url, 2)
  reader.send(reading(own.message_id))
  expect(await sender.event('chat:read')).toMatchObject({ message_id: received, read_by: 2 })
  const messages = await historyOf(api.url, 1, 2)
  expect(messages.map((message) => [message.message_id, message.is_read])).toEqual([
    [received, true],
    [own.message_id, false],
    [later.message_id, false],
  ])
})

test("a message of other people's, or none, cannot be read: an error, and nothing changes", async () => {
  const { api, daemon } = await startChat()
  const { message_id, conversation_id } = await sendText(api.url, 1, 2, 'Hello')
  const sender = await connect(daemon.url, 1)
  const receiver = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)
  stranger.send({ event: 'chat:read', data: { message_id, user_id: 2, read_by: 2 } })
  stranger.send(reading(message_id + 1))
  await stranger.event('error', 2)
  const reasons = stranger.all('error').map((data) => data.reason)
  // The same words for both: a stranger does not learn which ids exist.
  expect(new Set(reasons).size).toBe(1)

  for (const mark of [
    { message_id },
    { message_id: message_id + 1 },
    { conversation_id },
    { conversation_id: conversation_id + 1 },
  ]) {
    const answer = await post(`${api.url}/mark_as_read.php`, { user_id: 3, ...mark })
    expect(answer.status).toBe(404)
    expect(answer.body).toEqual({ status: 'error', message: reasons[0] })
  }
  await end(api.url, [sender, receiver, stranger])
  expect([sender, receiver, stranger].flatMap((socket) => socket.all('chat:read'))).toEqual([])
  expect(await isRead(api.url, 1, 2)).toEqual([false])
  expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(1)
})

test('the sender cannot mark as read what only the receiver can', async () => {
  const { api, daemon } = await startChat()
  const { message_id, conversation_id } = await sendText(api.url, 1, 2, 'Hello')
  const sender = await connect(daemon.url, 1)
  sender.send(reading(message_id))
  for (const mark of [{ message_id }, { conversation_id }, { other_user_id: 2 }]) {
    const { data } = await call(api.url, 'mark_as_read', { user_id: 1, ...mark })
    expect(data).toEqual({ read_count: 0, conversation_id, message_id: null, read_at: null })
  }
  await end(api.url, [sender])
  expect(sender.all('chat:read')).toEqual([])
  expect(await isRead(api.url, 1, 2)).toEqual([false])
})

test('a chat:read without a usable message_id is answered with an error', async () => {
  const { daemon } = await startChat()
  const reader = await connect(daemon.url, 2)
  const bad = [undefined, null, '', 0, -1, 1.5, true, [1], {}, 'last', '9'.repeat(17)]
  for (const message_id of bad) reader.send(reading(message_id))
  await reader.event('error', bad.length)
  for (const { reason } of reader.all('error')) expect(reason).toMatch(/message_id/)
  await reader.settled()
})

test('receipts by socket are limited as those by HTTP are: beyond, an error, and it stays open', async () => {
  const { api, daemon } = await startChat({ CHAT_REQUEST_RATE_LIMIT: '2' })
  const [first, second, third] = await sendTexts(api.url, 1, 2, 3)
  const sender = await connect(daemon.url, 1)
  const [phone, laptop] = [await connect(daemon.url, 2), await connect(daemon.url, 2)]
  phone.send(reading(first))
  await sender.event('chat:read')
  laptop.send(reading(second))
  await sender.event('chat:read', 2)

  phone.send(reading(third))

  expect(await phone.event('error')).toEqual({ reason: 'You ask too often' })
  await end(api.url, [sender, phone, laptop])
  expect(sender.all('chat:read')).toHaveLength(2)
})

test('mark_as_read.php takes other_user_id, conversation_id or message_id', async () => {
  const { api, daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  let toldCount = 0
  const { conversation_id } = await sendText(api.url, 2, 1, 'Write to me')
  const marks = [
    () => ({ other_user_id: '1' }),
    () => ({ conversation_id }),
    (ids: number[]) => ({ message_id: ids[1] }),
  ]
  for (const mark of marks) {
    const ids = await sendTexts(api.url, 1, 2, 2)
    const { data } = await call(api.url, 'mark_as_read', { user_id: 2, ...mark(ids) })
    toldCount += 1
    const read_at = expect.stringMatching(TIME)
    expect(data).toEqual({ read_count: 2, conversation_id, message_id: ids[1], read_at })
    expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(0)
    for (const socket of [sender, phone, laptop]) {
      expect(await socket.event('chat:read', toldCount)).toEqual({
        message_id: ids[1],
        read_by: 2,
        conversation_id,
        read_at: data.read_at,
      })
    }
  }
  // Once more: nothing is left to be read, so nobody is told.
  const again = await call(api.url, 'mark_as_read', { user_id: 2, other_user_id: 1 })
  expect(again.data).toMatchObject({ read_count: 0, conversation_id })
  await end(api.url, [sender, phone, laptop])
  for (const socket of [sender, phone, laptop]) {
    expect(socket.all('chat:read').length).toBe(toldCount)
  }
  // And the other way round.
  expect((await conversationOf(api.url, 1, 2)).unread_count).toBe(1)
  await call(api.url, 'mark_as_read', { user_id: 1, other_user_id: 2 })
  expect((await conversationOf(api.url, 1, 2)).unread_count).toBe(0)
})

test('mark_as_read.php reads up to message_id and not beyond', async () => {
  const { api } = await startChat()
  const [first, second] = await sendTexts(api.url, 1, 2, 3)
  await call(api.url, 'mark_as_read', { user_id: 2, message_id: second })
  const back = await call(api.url, 'mark_as_read', { user_id: 2, message_id: first })
  expect(back.data.read_count).toBe(0)
  expect(await isRead(api.url, 1, 2)).toEqual([true, true, false])
  expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(1)
})

test('mark_as_read.php without saying what, or by whom, is refused', async () => {
  const { api } = await startChat()
  for (const parameters of [{ user_id: 2 }, { other_user_id: 1 }, { user_id: 2, message_id: 0 }]) {
    const { status } = await post(`${api.url}/mark_as_read.php`, parameters)
    expect(status).toBe(400)
  }
  // Nobody has written yet: nothing to read is no error.
  const { data } = await call(api.url, 'mark_as_read', { user_id: 2, other_user_id: 1 })
  expect(data).toMatchObject({ read_count: 0, conversation_id: null })
})

test.for([
  ['who blocked the sender', 2, 1],
  ['whom the sender blocked', 1, 2],
] as const)('a reader %s is not heard of, but by their own devices', async ([, from, to]) => {
  const { api, daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const [first, second, third] = (await sendTexts(api.url, 1, 2, 3)) as [number, number, number]
  phone.send(reading(first))
  const before = await sender.event('chat:read')
  await waitFor(
    () => shownTime() > before.read_at,
    'another second: what was read before stays read',
  )
  await setBlock(api.url, from, to, 1)

  phone.send(reading(second))
  expect(await laptop.event('chat:read', 2)).toMatchObject({ message_id: second, read_by: 2 })
  const { data } = await call(api.url, 'mark_as_read', { user_id: 2, message_id: third })
  expect(data).toMatchObject({ read_count: 1, message_id: third, read_at: expect.anything() })
  await end(api.url, [sender, phone, laptop])

  expect(sender.all('chat:read')).toEqual([before])
  expect(phone.all('chat:read').length).toBe(3)
  expect(laptop.all('chat:read').length).toBe(3)
  expect((await conversationOf(api.url, 2, 1)).unread_count).toBe(0)
  expect(await isRead(api.url, 1, 2)).toEqual([true, false, false])
  expect(await isRead(api.url, 2, 1)).toEqual([true, true, true])
  const { conversation_id } = before
  for (const [viewer, seen] of [
    [{ user_id: 1 }, false],
    [{ user_id: 2 }, true],
    // Nobody knows who asks: it might be the sender.
    [{}, false],
  ] as const) {
    const page = { ...viewer, conversation_id }
    const { messages } = (await call(api.url, 'get_conversation_messages', page)).data
    expect(messages.map((message: { is_read: boolean }) => message.is_read)).toEqual([
      true,
      seen,
      seen,
    ])
  }

  await setBlock(api.url, from, to, 0)
  expect(await isRead(api.url, 1, 2)).toEqual([true, true, true])
})

/** The time as clients see it. */
function shownTime(): string {
  return new Date().toISOString().slice(0, 19).replace('T', ' ')
}

function reading(message_id: unknown): object {
  return { event: 'chat:read', data: { message_id } }
}

/** Sends `count` texts, one after the other; returns their ids. */
async function sendTexts(apiUrl: string, from: number, to: number, count: number) {
  const ids: number[] = []
  while (ids.length < count) {
    ids.push((await sendText(apiUrl, from, to, `Number ${ids.length + 1}`)).message_id)
  }
  return ids
}

async function isRead(apiUrl: string, userId: number, otherId: number): Promise<boolean[]> {
  return (await historyOf(apiUrl, userId, otherId)).map((message) => message.is_read)
}

/** Resolves when every event that was queued before has reached these sockets. */
async function end(apiUrl: string, sockets: TestSocket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.settled()))
  await call(apiUrl, 'chat_websocket_broadcast', { event: 'end', data: {} })
  await Promise.all(sockets.map((socket) => socket.event('end')))
}
