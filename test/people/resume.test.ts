import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { connect, post, sendText, TestDevice, TestSocket } from '../support/clients.ts'
import { ON_SQLITE } from '../support/engine.ts'
import { multipart } from '../support/forms.ts'
import { startChat } from '../support/in-process.ts'
import { picture, recording } from '../support/media.ts'
import { call, setBlock } from '../support/people.ts'
import { waitFor } from '../support/wait.ts'

const REPLAY_MAX = 500

test('what was missed is told in order, after chat:connected and before live messages', async () => {
  const { api, daemon } = await startChat()
  const first = await sendText(api.url, 1, 2, 'Seen')
  const missed = []
  for (const from of [1, 3, 1, 4]) missed.push(await sendText(api.url, from, 2, 'Missed'))
  await sendText(api.url, 2, 1, 'My own')
  await sendText(api.url, 1, 3, "Somebody else's")

  const parameters = { user_id: '2', last_message_id: String(first.message_id) }
  const socket = new TestSocket(`${daemon.url}/?${new URLSearchParams(parameters)}`)
  expect((await socket.event('chat:connected')).recovered).toBe(true)
  const live = await sendText(api.url, 3, 2, 'Live')
  await socket.event('chat:message', missed.length + 1)
  await socket.settled()
  expect(socket.frames[0]?.event).toBe('chat:connected')
  expect(socket.all('chat:message')).toEqual([...missed, live])
})

test('what is sent while a slow device is being told what it missed comes after that', async () => {
  // More than the kernel takes for a reader that does not read, in one page of the replay.
  const missedCount = 20
  const long = '👋'.repeat(100_000)
  const { api, daemon } = await startChat({ CHAT_MAX_MESSAGE_LENGTH: '100000' })
  const ids: number[] = []
  const send = async (text: string) => ids.push((await sendText(api.url, 1, 2, text)).message_id)
  while (ids.length < missedCount) await send(long)
  const slow = new TestSocket(`${daemon.url}/?user_id=2&last_message_id=0`)
  slow.socket.once('open', () => slow.socket.pause())
  await waitFor(() => slow.socket.isPaused, 'the slow device to connect')
  const quick = await connect(daemon.url, 2, lastMessageId(ids.at(-1) as number))
  while (ids.length < missedCount + 3) await send('Live')
  // What has reached the quick device has been passed to the slow one.
  await quick.event('chat:message', 3)
  expect(slow.all('chat:message').length).toBeLessThan(missedCount)

  slow.socket.resume()
  await slow.event('chat:message', ids.length)
  await slow.settled()
  expect(slow.all('chat:message').map((data) => data.message_id)).toEqual(ids)
})

test('CHAT_MAX_REPLAY (500) messages are replayed; of one more, none is', async () => {
  const { api, daemon } = await startChat()
  const sendMany = (count: number) =>
    Promise.all(Array.from({ length: count }, () => sendText(api.url, 1, 2, 'Hello')))
  const sent = await sendMany(REPLAY_MAX)
  const ids = sent.map((message) => message.message_id).sort((a, b) => a - b)
  const atTheCap = await connect(daemon.url, 2, { last_message_id: '0' })
  expect((await atTheCap.event('chat:connected')).recovered).toBe(true)
  await atTheCap.event('chat:message', REPLAY_MAX)
  expect(atTheCap.all('chat:message').map((data) => data.message_id)).toEqual(ids)

  await sendMany(1)
  await atTheCap.event('chat:message', REPLAY_MAX + 1)
  const beyond = await connect(daemon.url, 2, { last_message_id: '0' })
  expect((await beyond.event('chat:connected')).recovered).toBe(false)
  await beyond.settled()
  expect(beyond.all('chat:message')).toEqual([])
  // It is live all the same.
  const live = await sendText(api.url, 1, 2, 'Live')
  expect(await beyond.event('chat:message')).toEqual(live)

  const fewer = await connect(daemon.url, 2, { last_message_id: String(ids[1]) })
  expect((await fewer.event('chat:connected')).recovered).toBe(true)
  await fewer.event('chat:message', REPLAY_MAX)
  expect(fewer.all('chat:message').at(-1)).toEqual(live)
})

test('the cap can be set, and counts only messages to the user', async () => {
  const { api, daemon } = await startChat({ CHAT_MAX_REPLAY: '2' })
  await sendText(api.url, 1, 2, 'Hello')
  await sendText(api.url, 1, 2, 'Hello')
  await sendText(api.url, 2, 1, 'My own')
  await sendText(api.url, 1, 3, "Somebody else's")
  const hello = async () =>
    (await connect(daemon.url, 2, { last_message_id: '0' })).event('chat:connected')
  expect((await hello()).recovered).toBe(true)
  await sendText(api.url, 4, 2, 'Hello')
  expect((await hello()).recovered).toBe(false)
})

test.runIf(ON_SQLITE)(
  'a client whose messages cannot be read is closed, and told all of them when it comes back',
  async () => {
    const { folder, api, daemon } = await startChat()
    const { message_id } = await sendText(api.url, 1, 2, 'Seen')
    const missed = await sendText(api.url, 1, 2, 'Missed')
    const sqlite = new Sqlite(join(folder, 'chat.db'))
    sqlite.exec('ALTER TABLE conversations RENAME TO away')
    const url = `${daemon.url}/?user_id=2&last_message_id=${message_id}`
    const early = new TestSocket(url)
    expect(await early.whenClosed()).toMatchObject({ code: 1011 })
    expect(early.frames).toEqual([])
    sqlite.exec('ALTER TABLE away RENAME TO conversations')
    sqlite.close()

    const later = new TestSocket(url)
    expect((await later.event('chat:connected')).recovered).toBe(true)
    expect(await later.event('chat:message')).toEqual(missed)
  },
)

test('recovered is not there for clients that do not ask', async () => {
  const { daemon } = await startChat()
  for (const parameters of [{}, ...['', 'null', 'undefined'].map(lastMessageId)]) {
    const socket = await connect(daemon.url, 2, parameters)
    expect(Object.keys(await socket.event('chat:connected')).sort()).toEqual([
      'connected_users',
      'message',
      'timestamp',
      'user_id',
    ])
  }
})

test('the id of the last message there is recovers nothing; one never given out is refused', async () => {
  const { api, daemon } = await startChat()
  const empty = await connect(daemon.url, 2, lastMessageId(0))
  expect((await empty.event('chat:connected')).recovered).toBe(true)
  const fromAnotherDatabase = await connect(daemon.url, 2, lastMessageId(1))
  expect((await fromAnotherDatabase.event('chat:connected')).recovered).toBe(false)

  const { message_id } = await sendText(api.url, 1, 2, 'Hello')
  await fromAnotherDatabase.event('chat:message')
  const upToDate = await connect(daemon.url, 2, lastMessageId(message_id))
  expect((await upToDate.event('chat:connected')).recovered).toBe(true)
  const fromTheFuture = await connect(daemon.url, 2, lastMessageId(message_id + 1))
  expect((await fromTheFuture.event('chat:connected')).recovered).toBe(false)
  await sendText(api.url, 1, 2, 'Live')
  for (const socket of [upToDate, fromTheFuture]) {
    await socket.event('chat:message')
    await socket.settled()
    expect(socket.all('chat:message').map((data) => data.message)).toEqual(['Live'])
  }
})

test('a last_message_id that is no id is closed with 4400', async () => {
  const { daemon } = await startChat()
  for (const garbage of ['-1', '1.5', '1e3', 'last', ' 1', '0x1', '9'.repeat(16), '9'.repeat(17)]) {
    const query = new URLSearchParams({ user_id: '2', last_message_id: garbage })
    const { code, reason } = await new TestSocket(`${daemon.url}/?${query}`).whenClosed()
    expect([garbage, code]).toEqual([garbage, 4400])
    expect(reason).toMatch(/last_message_id/)
  }
})

test('each device is told what it missed itself', async () => {
  const { api, daemon } = await startChat()
  const phone = new TestDevice(2)
  const laptop = new TestDevice(2)
  const tablet = new TestDevice(2)
  const ids: number[] = []
  const send = async () => ids.push((await sendText(api.url, 1, 2, 'Hello')).message_id)
  await phone.connect(daemon.url)
  await laptop.connect(daemon.url)
  await send()
  await waitFor(() => phone.messageIds.length === 1 && laptop.messageIds.length === 1, 'the first')
  phone.disconnect()
  await send()
  await waitFor(() => laptop.messageIds.length === 2, 'the second')
  laptop.disconnect()
  await send()
  for (const device of [phone, laptop, tablet]) {
    await device.connect(daemon.url)
    await waitFor(() => device.messageIds.length === ids.length, 'the third')
    expect(device.messageIds).toEqual(ids)
  }
})

test('media, captions and names of sends are replayed as they were told live', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, 1, { username: 'john', name: 'John Doe', profile_url: '/john.jpg' })
  const live = await connect(daemon.url, 2)
  const between = { sender_id: 1, receiver_id: 2 }
  const bodies = [
    { ...between, message: 'Text 👋🏽', client_message_id: 'first' },
    multipart({ ...between, image: picture(), message: 'A caption' }),
    multipart({ ...between, voice: recording(), duration: 15 }),
  ]
  for (const body of bodies) {
    expect((await post(`${api.url}/send_chat_message.php`, body)).status).toBe(200)
  }
  await live.event('chat:message', bodies.length)
  const replayed = await connect(daemon.url, 2, { last_message_id: '0' })
  await replayed.event('chat:message', bodies.length)
  expect(replayed.all('chat:message')).toEqual(live.all('chat:message'))
  const types = replayed.all('chat:message').map((data) => data.message_type)
  expect(types).toEqual(['text', 'image', 'voice'])
})

test('with CHAT_ECHO_TO_SENDER=on a device is also told what was sent from the others', async () => {
  const { api, daemon } = await startChat({ CHAT_ECHO_TO_SENDER: 'on' })
  const live = await connect(daemon.url, 2)
  const expected = [
    await sendText(api.url, 1, 2, 'To me'),
    await sendText(api.url, 2, 1, 'From me'),
    await sendText(api.url, 3, 2, 'To me'),
  ]
  await sendText(api.url, 1, 3, 'Not mine')
  await live.event('chat:message', expected.length)
  const replayed = await connect(daemon.url, 2, { last_message_id: '0' })
  await replayed.event('chat:message', expected.length)
  await Promise.all([live.settled(), replayed.settled()])
  expect(live.all('chat:message')).toEqual(expected)
  expect(replayed.all('chat:message')).toEqual(expected)
})

test('nothing but messages is replayed, and none from before is lost to a block', async () => {
  const { api, daemon } = await startChat()
  const live = await connect(daemon.url, 2)
  const sent = await sendText(api.url, 1, 2, 'Before the block')
  const typing = { sender_id: 1, is_typing: true }
  await call(api.url, 'chat_websocket_broadcast', {
    event: 'chat:typing',
    data: typing,
    user_id: 2,
  })
  await live.event('chat:typing')
  await setBlock(api.url, 2, 1, 1)
  const socket = await connect(daemon.url, 2, { last_message_id: '0' })
  expect(await socket.event('chat:message')).toEqual(sent)
  await socket.settled()
  expect(socket.frames.map(({ event }) => event)).toEqual([
    'chat:connected',
    'chat:message',
    'pong',
  ])
})

function lastMessageId(id: number | string): Record<string, string> {
  return { last_message_id: String(id) }
}
