import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { connect, post, sendText, type TestSocket } from '../support/clients.ts'
import { call, setBlock } from '../support/people.ts'
import { startApi, startChat, startDaemon, temporaryFolder } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

test('typing reaches every socket of the receiver, as documented, and nobody else', async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const senderLaptop = await connect(daemon.url, 1)
  const phone = await connect(daemon.url, 2)
  const laptop = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)

  sender.send(typing({ receiver_id: 2, is_typing: true }))
  sender.send(typing({ receiver_id: 2, is_typing: false }))

  const expected = [
    { sender_id: 1, is_typing: true },
    { sender_id: 1, is_typing: false },
  ]
  for (const socket of [phone, laptop]) {
    await socket.event('chat:typing', 2)
    expect(socket.all('chat:typing')).toEqual(expected)
  }
  for (const socket of [sender, senderLaptop, stranger]) {
    await socket.settled()
    expect(socket.all('chat:typing')).toEqual([])
  }
})

test('numbers may come as strings, and booleans as clients without them write them', async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const receiver = await connect(daemon.url, 2)
  const spellings = [true, 1, '1', 'true', false, 0, '0', 'false']
  for (const is_typing of spellings) sender.send(typing({ receiver_id: '2', is_typing }))
  await receiver.event('chat:typing', spellings.length)
  const said = receiver.all('chat:typing').map((data) => data.is_typing)
  expect(said).toEqual([true, true, true, true, false, false, false, false])
})

test('a socket types as its own user, whoever it says it is', async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const receiver = await connect(daemon.url, 2)
  const forged = { sender_id: 3, user_id: 3, from_user_id: 3 }
  sender.send(typing({ receiver_id: 2, is_typing: true, ...forged }))
  expect(await receiver.event('chat:typing')).toEqual({ sender_id: 1, is_typing: true })
})

test('neither of a blocked pair hears the other type, by socket or broadcast', async () => {
  const { api, daemon } = await startChat()
  const one = await connect(daemon.url, 1)
  const two = await connect(daemon.url, 2)
  await setBlock(api.url, 1, 2, 1)
  one.send(typing({ receiver_id: 2, is_typing: true }))
  two.send(typing({ receiver_id: 1, is_typing: true }))
  for (const [sender_id, user_id] of [
    [1, 2],
    [2, 1],
  ]) {
    const { data } = await broadcastTyping(api.url, { user_id, sender_id })
    expect(data.event_id).toBe(null)
  }
  await Promise.all([one.settled(), two.settled()])
  // Broadcasts come in order: what was queued before this one would be here.
  await call(api.url, 'chat_websocket_broadcast', { event: 'end', data: {} })
  await Promise.all([one.event('end'), two.event('end')])
  for (const socket of [one, two]) {
    expect(socket.all('chat:typing')).toEqual([])
    // Nor is anybody told why.
    expect(socket.all('error')).toEqual([])
  }

  await setBlock(api.url, 1, 2, 0)
  two.send(typing({ receiver_id: 1, is_typing: true }))
  await broadcastTyping(api.url, { user_id: 2, sender_id: 1 })
  expect(await one.event('chat:typing')).toEqual({ sender_id: 2, is_typing: true })
  expect(await two.event('chat:typing')).toEqual({ sender_id: 1, is_typing: true })
})

test('typing can be broadcast over HTTP, to user_id or receiver_id', async () => {
  const { api, daemon } = await startChat()
  const receiver = await connect(daemon.url, 2)
  const stranger = await connect(daemon.url, 3)
  await broadcastTyping(api.url, { user_id: 2, sender_id: 1 })
  await broadcastTyping(api.url, { receiver_id: 2, sender_id: 3 })
  await receiver.event('chat:typing', 2)
  expect(receiver.all('chat:typing')).toEqual([
    { sender_id: 1, is_typing: true },
    { sender_id: 3, is_typing: true },
  ])
  await stranger.settled()
  expect(stranger.all('chat:typing')).toEqual([])
})

test('a receiver who was offline is not told later that somebody typed', async () => {
  const { api, daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  sender.send(typing({ receiver_id: 2, is_typing: true }))
  await sender.settled()
  await broadcastTyping(api.url, { user_id: 2, sender_id: 1 })
  await sendText(api.url, 1, 2, 'Hello')

  for (const parameters of [{}, { last_message_id: '0' }]) {
    const receiver = await connect(daemon.url, 2, parameters)
    await receiver.event('chat:message')
    await receiver.settled()
    expect(receiver.all('chat:typing')).toEqual([])
    await receiver.close()
  }
})

test('typing that was broadcast while the daemon was down is not told when it is back', async () => {
  const folder = temporaryFolder()
  const api = await startApi(folder)
  await broadcastTyping(api.url, { user_id: 2, sender_id: 1 })
  await sendText(api.url, 1, 2, 'Hello')
  const daemon = await startDaemon(folder)
  const receiver = await connect(daemon.url, 2)
  await receiver.event('chat:message')
  await receiver.settled()
  expect(receiver.all('chat:typing')).toEqual([])
})

test('a frame that makes no sense is answered with an error, and the socket stays open', async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const receiver = await connect(daemon.url, 2)
  const bad: (object | string)[] = [
    'typing',
    '',
    '[]',
    'null',
    '"chat:typing"',
    { data: { receiver_id: 2, is_typing: true } },
    { event: 5, data: {} },
    { event: 'chat:typing' },
    { event: 'chat:typing', data: null },
    { event: 'chat:typing', data: [2, true] },
    { event: 'chat:typing', data: 'now' },
    { event: 'chat:message', data: { receiver_id: 2, message: 'Hello' } },
    { event: 'constructor', data: {} },
    ...[undefined, null, '', 0, -1, 1.5, '2.0', true, [2], { id: 2 }, 1e16, '9'.repeat(17)].map(
      (receiver_id) => typing({ receiver_id, is_typing: true }),
    ),
    ...[undefined, null, '', 2, 'yes', [true], {}].map((is_typing) =>
      typing({ receiver_id: 2, is_typing }),
    ),
  ]
  for (const frame of bad) sender.send(frame)
  await sender.event('error', bad.length)
  const errors = sender.frames.filter(({ event }) => event === 'error')
  for (const error of errors) {
    expect(error).toEqual({
      event: 'error',
      message: 'Invalid message format',
      data: { reason: expect.stringMatching(/\w/) },
    })
  }
  await sender.settled()
  expect(sender.closed).toBe(undefined)
  await receiver.settled()
  expect(receiver.all('chat:typing')).toEqual([])
  expect(receiver.all('chat:message')).toEqual([])
})

test('a user may say 60 times a minute to one person that they type; one more is an error', async () => {
  const { daemon } = await startChat()
  const [receiver, another] = [await connect(daemon.url, 2), await connect(daemon.url, 3)]
  const sender = await connect(daemon.url, 1)
  const { max } = limits.typingToOne
  await sayTyping(sender, 2, max)
  await receiver.event('chat:typing', max)
  expect(sender.all('error')).toEqual([])

  // Another socket of the same user is no way around it.
  const laptop = await connect(daemon.url, 1)
  laptop.send(typing({ receiver_id: 2, is_typing: true }))

  expect(await laptop.event('error')).toEqual({ reason: 'You say too often that you type' })
  laptop.send(typing({ receiver_id: 3, is_typing: true }))
  expect(await another.event('chat:typing')).toEqual({ sender_id: 1, is_typing: true })
  receiver.send(typing({ receiver_id: 1, is_typing: true }))
  await laptop.event('chat:typing')
  await receiver.settled()
  expect(receiver.all('chat:typing')).toHaveLength(max)
})

test('a user may say 180 times a minute in all that they type', { timeout: 30_000 }, async () => {
  const { daemon } = await startChat()
  const sender = await connect(daemon.url, 1)
  const receivers = await Promise.all([2, 3, 4, 5].map((userId) => connect(daemon.url, userId)))
  const each = limits.typing.max / 4
  for (const [at, receiver] of receivers.entries()) {
    await sayTyping(sender, at + 2, each)
    await receiver.event('chat:typing', each)
  }
  sender.send(typing({ receiver_id: 5, is_typing: true }))

  expect(await sender.event('error')).toEqual({ reason: 'You say too often that you type' })
  // Refused before it is looked at.
  sender.send(typing({ receiver_id: 'nobody' }))
  expect(await sender.event('error', 2)).toEqual({ reason: 'You say too often that you type' })
  for (const receiver of receivers) {
    await receiver.settled()
    expect(receiver.all('chat:typing')).toHaveLength(each)
  }
})

function typing(data: object): object {
  return { event: 'chat:typing', data }
}

async function broadcastTyping(apiUrl: string, { sender_id, ...to }: Record<string, unknown>) {
  const data = { sender_id, is_typing: true }
  const event = { event: 'chat:typing', data, ...to }
  const { status, body } = await post(`${apiUrl}/chat_websocket_broadcast.php`, event)
  expect(status).toBe(200)
  return body
}

/** As often as that, but not so often in a second that it would be too many frames. */
async function sayTyping(sender: TestSocket, receiverId: number, count: number): Promise<void> {
  const inOneGo = Math.floor(limits.frames.max / 2)
  for (let sent = 0; sent < count; sent += 1) {
    if (sent % inOneGo === 0) await aSecondLater()
    sender.send(typing({ receiver_id: receiverId, is_typing: true }))
  }
}

/** Resolves when the daemon, which has read all that was sent, counts anew. */
async function aSecondLater(): Promise<void> {
  const since = performance.now()
  await waitFor(() => performance.now() - since > 1_000, 'a second to pass')
}
