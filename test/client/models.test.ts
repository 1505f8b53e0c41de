import { expect, test } from 'vitest'
import { Inbox, Thread } from '../../src/client/chat-client.ts'
import { connect, createClient, listen, online, sendText } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import { waitFor } from '../support/wait.ts'

test('the inbox counts each unread message once, wherever it heard of it first', async () => {
  const chat = await startChat()
  await connect(chat.daemon.url, 1, { name: 'Layla' })
  await sendText(chat.api.url, 1, 2, 'one')
  const client = createClient(2, chat)
  const inbox = new Inbox(client)
  // The list is on its way while the socket tells the same and more.
  client.connect()
  await Promise.all([
    inbox.load(),
    sendText(chat.api.url, 1, 2, 'two'),
    sendText(chat.api.url, 1, 2, 'three'),
  ])
  const hasAll = () => inbox.with(1)?.last_message.message === 'three'
  await waitFor(() => client.state.status === 'online' && hasAll(), 'the last message')
  await sendText(chat.api.url, 1, 2, 'four')
  await waitFor(() => inbox.with(1)?.last_message.message === 'four', 'one more')

  expect(inbox.with(1)).toMatchObject({ unread_count: 4, other_user: { name: 'Layla' } })
  expect(inbox.unreadCount).toBe(4)
})

test('the conversation with the newest message comes first, and reading empties its count', async () => {
  const chat = await startChat()
  const client = await online(createClient(2, chat))
  const inbox = new Inbox(client)
  const thread = new Thread(client, 1)
  await sendText(chat.api.url, 1, 2, 'from one')
  await sendText(chat.api.url, 3, 2, 'from three')
  await waitFor(() => inbox.conversations.length === 2, 'two conversations')
  expect(inbox.conversations.map(({ other_user_id }) => other_user_id)).toEqual([3, 1])

  await thread.load()
  thread.markRead()
  await sendText(chat.api.url, 1, 2, 'again')
  await waitFor(() => inbox.conversations[0]?.other_user_id === 1, 'the order to change')

  expect(inbox.conversations.map(({ unread_count }) => unread_count)).toEqual([1, 1])
})

test('what is read while a list is on its way is not unread again when it comes', async () => {
  const chat = await startChat()
  await sendText(chat.api.url, 1, 2, 'one')
  const held = new HeldFetch('get_conversations.php')
  const client = await online(createClient(2, chat, { fetch: held.fetch }))
  const inbox = new Inbox(client)
  const thread = new Thread(client, 1)
  await Promise.all([inbox.load(), thread.load()])
  expect(inbox.unreadCount).toBe(1)

  held.hold()
  const loading = inbox.load()
  await waitFor(() => held.isHeld, 'the list to be made')
  thread.markRead()
  await waitFor(() => inbox.unreadCount === 0, 'the count to sink')
  held.release()
  await loading
  expect(inbox.unreadCount).toBe(0)

  const isWritten = async () => (await client.conversations()).conversations[0]?.unread_count === 0
  await waitFor(isWritten, 'the server to know')
  await sendText(chat.api.url, 1, 2, 'two')
  await waitFor(() => inbox.unreadCount === 1, 'the new message to count')
  await inbox.load()
  expect(inbox.unreadCount).toBe(1)
})

test('a message is in its thread from the moment it is written, under one key, until it is read', async () => {
  const chat = await startChat()
  const client = await online(createClient(1, chat))
  const thread = new Thread(client, 2)
  await thread.load()
  const { client_message_id: key } = await client.sendText(2, 'Hello')
  expect(thread.items.map((item) => item.key)).toEqual([key])

  await waitFor(() => thread.items[0]?.status === 'sent', 'the acknowledgement')
  const other = await online(createClient(2, chat))
  const otherThread = new Thread(other, 1)
  await otherThread.load()
  otherThread.markRead()

  await waitFor(() => thread.items[0]?.status === 'read', 'the read receipt')
  expect(thread.items.map((item) => item.key)).toEqual([key])
})

test('news of having been read may come before the answer to the send', async () => {
  const chat = await startChat()
  const held = new HeldFetch('send_chat_message.php')
  const client = await online(createClient(1, chat, { fetch: held.fetch }))
  const other = await online(createClient(2, chat))
  const thread = new Thread(client, 2)
  const otherThread = new Thread(other, 1)
  const receipts = listen(client, 'read')
  await thread.load()

  held.hold()
  await client.sendText(2, 'Hello')
  await waitFor(() => otherThread.items.length === 1, 'the message')
  otherThread.markRead()
  await waitFor(() => receipts.length === 1, 'the receipt')
  expect(held.isHeld).toBe(true)
  expect(thread.items[0]?.status).toBe('sending')
  held.release()
  await waitFor(() => thread.items[0]?.status === 'read', 'the message to be read')
})

test('of two answers about a user the one to the newer request counts, whichever comes last', async () => {
  const chat = await startChat()
  await sendText(chat.api.url, 1, 2, 'Hello')
  const held = new HeldFetch('get_chat_user_status')
  const client = await online(createClient(1, chat, { fetch: held.fetch }))
  const thread = new Thread(client, 2)
  await thread.load()
  const before = thread.status
  held.hold()
  await client.block(2)
  await waitFor(() => held.isHeld, 'the answer after the block')
  held.pass()
  await client.unblock(2)
  await waitFor(() => thread.status !== before, 'the answer after the unblock')
  held.release()
  await client.status(2)

  expect(thread.status?.is_blocked).toBe(false)
})

test('a long thread is loaded page by page, without gap or repetition', async () => {
  const chat = await startChat()
  const texts = Array.from({ length: 101 }, (_, index) => `message ${index}`)
  for (const text of texts) await sendText(chat.api.url, 1, 2, text)
  const thread = new Thread(createClient(2, chat), 1)

  await thread.load()
  expect(thread.items.length).toBe(50)
  expect(thread.hasOlder).toBe(true)
  await thread.loadOlder()
  expect(thread.items.length).toBe(100)
  await thread.loadOlder()

  expect(thread.hasOlder).toBe(false)
  expect(thread.items.map(({ text }) => text)).toEqual(texts)
})

test('who missed more than a page has no gap in the middle of a thread', async () => {
  const chat = await startChat()
  await sendText(chat.api.url, 1, 2, 'old')
  const thread = new Thread(createClient(2, chat), 1)
  await thread.load()
  const texts = Array.from({ length: 51 }, (_, index) => `missed ${index}`)
  for (const text of texts) await sendText(chat.api.url, 1, 2, text)

  await thread.load()
  expect(thread.items[0]?.text).toBe('missed 1')
  expect(thread.hasOlder).toBe(true)
  await thread.loadOlder()

  expect(thread.items.map(({ text }) => text)).toEqual(['old', ...texts])
})

test('a thread knows who types, who is there, and who has blocked whom', async () => {
  const chat = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  const client = await online(createClient(1, chat, { name: 'Omar' }))
  const seen = listen(client, 'presence')
  const other = await online(createClient(2, chat, { name: 'ليلى' }))
  await waitFor(() => seen.length === 1, 'them to be announced')
  const thread = new Thread(client, 2)
  await thread.load()
  expect(thread.other).toMatchObject({ user_id: 2, name: 'ليلى' })
  expect(thread.status?.is_online).toBe(true)

  other.typing(1)
  await waitFor(() => thread.isTyping, 'the typing to begin')
  await other.sendText(1, 'Hi')
  await waitFor(() => !thread.isTyping, 'the typing to end')
  await client.block(2)
  await waitFor(() => thread.status?.is_blocked === true, 'the block')
  await client.unblock(2)
  await waitFor(() => thread.status?.is_blocked === false, 'the end of the block')
  other.disconnect()
  await waitFor(() => thread.status?.is_online === false, 'them to be gone')

  expect(thread.status?.last_seen_at).toMatch(/^\d{4}-/)
})

/** A fetch that keeps answers back: those of one endpoint, from `hold` until `release`. */
class HeldFetch {
  isHeld = false
  release = () => {}
  readonly #endpoint: string
  #released: Promise<void> | undefined

  constructor(endpoint: string) {
    this.#endpoint = endpoint
  }

  hold(): void {
    this.#released = new Promise((resolve) => {
      this.release = resolve
    })
  }

  /** Holds no more answers; those that it holds it keeps until `release`. */
  pass(): void {
    this.#released = undefined
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    if (this.#released !== undefined && String(input).includes(this.#endpoint)) {
      this.isHeld = true
      await this.#released
    }
    return answer
  }
}
