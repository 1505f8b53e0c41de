import { expect, test } from 'vitest'
import { connect, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startChat, startDaemon } from '../support/in-process.ts'
import { call, setBlock } from '../support/people.ts'

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
  // What came before this message is read by then.
  await sendText(api.url, 3, 1, 'Read')
  await sender.event('chat:message')

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
