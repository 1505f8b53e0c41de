import { expect, test } from 'vitest'
import { createClient, listen, online, sendText } from '../support/clients.ts'
import { startChat, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

/** The port part of a URL, for a process that takes another's place. */
function portOf(url: string): string {
  return new URL(url).port
}

test('a first connection asks the application to fetch, and then knows where to resume', async () => {
  const chat = await startChat()
  // Its sender's own sockets are told nothing of it: only the list knows.
  const before = await sendText(chat.api.url, 2, 1, 'before')
  const client = createClient(2, chat)
  const refetches = listen(client, 'refetch')

  await online(client)
  await waitFor(() => refetches.length === 1, 'refetch')
  expect(client.lastMessageId).toBeUndefined()
  await client.conversations()

  expect(client.lastMessageId).toBe(before.message_id)
})

test('somebody without any conversation misses nothing either', async () => {
  const chat = await startChat()
  const client = await online(createClient(2, chat))
  const messages = listen(client, 'message')
  const refetches = listen(client, 'refetch')
  await client.conversations()
  expect(client.lastMessageId).toBe(0)

  await chat.daemon.program.stop()
  await sendText(chat.api.url, 1, 2, 'while the daemon was down')
  await startDaemon(chat.folder, { CHAT_WS_PORT: portOf(chat.daemon.url) })

  await waitFor(() => messages.length === 1, 'the missed message')
  expect(messages[0]?.message).toBe('while the daemon was down')
  expect(refetches).toEqual([])
})

test('after kill -9 of the daemon the client is back and has what it missed, once, in order', async () => {
  const chat = await processes.startChat()
  const client = await online(createClient(2, chat))
  const messages = listen(client, 'message')
  await sendText(chat.api.url, 1, 2, 'first')
  await waitFor(() => messages.length === 1, 'the first message')

  await chat.daemon.program.kill()
  await waitFor(() => client.state.status === 'waiting', 'the client to notice')
  for (const text of ['second', 'third', 'fourth']) await sendText(chat.api.url, 1, 2, text)
  await processes.startDaemon(chat.folder, { CHAT_WS_PORT: portOf(chat.daemon.url) })
  await waitFor(() => client.state.status === 'online', 'the client to be back')
  await sendText(chat.api.url, 1, 2, 'fifth')

  await waitFor(() => messages.length >= 5, 'all messages')
  const texts = messages.map(({ message }) => message)
  expect(texts).toEqual(['first', 'second', 'third', 'fourth', 'fifth'])
})

test('a message that is told twice is heard once', async () => {
  const chat = await startChat()
  const client = await online(createClient(2, chat))
  const messages = listen(client, 'message')
  const others = listen(client, 'event')
  const sent = await sendText(chat.api.url, 1, 2, 'once')
  const broadcast = (event: string, data: object) =>
    fetch(`${chat.api.url}/chat_websocket_broadcast.php`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ event, user_id: 2, data }),
    })

  await broadcast('chat:message', sent)
  await broadcast('order:shipped', { order_id: 77 })

  await waitFor(() => others.length === 1, 'the event that came last')
  expect(others).toEqual([{ event: 'order:shipped', data: { order_id: 77 } }])
  expect(messages).toEqual([sent])
})

test('who missed more than the server repeats is told to fetch', async () => {
  const chat = await startChat({ CHAT_MAX_REPLAY: '2' })
  const first = await sendText(chat.api.url, 1, 2, 'kept')
  for (const text of ['one', 'two', 'three']) await sendText(chat.api.url, 1, 2, text)

  const atLimit = createClient(2, chat, { lastMessageId: first.message_id + 1 })
  const missed = listen(atLimit, 'message')
  const atLimitRefetches = listen(atLimit, 'refetch')
  await online(atLimit)
  await waitFor(() => missed.length === 2, 'two missed messages')
  expect(atLimitRefetches).toEqual([])

  const beyond = createClient(2, chat, { lastMessageId: first.message_id })
  const refetches = listen(beyond, 'refetch')
  await online(beyond)
  await waitFor(() => refetches.length === 1, 'refetch')
  expect(beyond.lastMessageId).toBeUndefined()
})
