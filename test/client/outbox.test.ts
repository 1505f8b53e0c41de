import { expect, test } from 'vitest'
import { type ChatClient, MemoryStorage } from '../../src/client/chat-client.ts'
import { connect, createClient, get, listen, online } from '../support/clients.ts'
import { startChat } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

/** The smallest thing that is a PNG to those who look at its first bytes. */
function picture(bytes: number): Blob {
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  const header = [0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0]
  const head = Uint8Array.from([...signature, ...header, 0, 0, 0, 0])
  const data = new DataView(new ArrayBuffer(bytes - head.length))
  data.setUint32(0, data.byteLength - 12)
  data.setUint32(4, 0x49444154)
  return new Blob([head, data])
}

async function historyOf(apiUrl: string, userId: number, otherUserId: number): Promise<string[]> {
  const query = `user_id=${userId}&other_user_id=${otherUserId}`
  const { body } = await get(`${apiUrl}/get_conversation_messages.php?${query}`)
  return body.data.messages.map(({ message }: { message: string }) => message)
}

test('a text is queued, sent, acknowledged, and gone from the outbox', async () => {
  const chat = await startChat()
  const storage = new MemoryStorage()
  const client = createClient(1, chat, { storage })
  const changes = listen(client, 'outgoing')
  const sent = listen(client, 'sent')
  client.connect()

  const outgoing = await client.sendText(2, 'Hello')
  await waitFor(() => sent.length === 1, 'the acknowledgement')

  expect(changes[0]).toMatchObject({ status: 'queued', message: 'Hello' })
  expect(changes.map(({ status }) => status)).toContain('sending')
  expect(sent[0]).toMatchObject({
    message: 'Hello',
    client_message_id: outgoing.client_message_id,
  })
  expect(client.outgoingTo(2)).toEqual([])
  await waitFor(async () => (await storage.list('outbox/')).length === 0, 'an empty storage')
})

test('what is written while the API is dead goes out in order when it is back, each once', async () => {
  const chat = await processes.startChat()
  const client = await online(createClient(1, chat))
  const receiver = await connect(chat.daemon.url, 2)
  await chat.api.program.kill()

  for (const text of ['one', 'two', 'three']) await client.sendText(2, text)
  await client.sendText(3, 'to somebody else')
  await waitFor(
    () => client.outgoingTo(2)[0]?.status === 'queued' && client.outgoingTo(2).length === 3,
    'three unsent messages',
  )
  const port = new URL(chat.api.url).port
  await processes.startApi(chat.folder, { CHAT_API_PORT: port })

  await receiver.event('chat:message', 3)
  const texts = receiver.all('chat:message').map(({ message }) => message)
  expect(texts).toEqual(['one', 'two', 'three'])
  await waitFor(() => client.outgoingTo(2).length === 0, 'an empty outbox')
  expect(await historyOf(chat.api.url, 1, 2)).toEqual(['one', 'two', 'three'])
  await waitFor(() => client.outgoingTo(3).length === 0, 'the other lane to empty')
})

test('an answer that was lost on the way makes no second message', async () => {
  const chat = await startChat()
  let lost = 0
  const fetchOnce: typeof fetch = async (...call) => {
    const response = await fetch(...call)
    if (lost > 0) return response
    lost += 1
    throw new TypeError('the connection broke')
  }
  const client = createClient(1, chat, { fetch: fetchOnce })
  const sent = listen(client, 'sent')
  client.connect()

  await client.sendText(2, 'only once')
  await waitFor(() => sent.length === 1, 'the second try')

  expect(lost).toBe(1)
  expect(await historyOf(chat.api.url, 1, 2)).toEqual(['only once'])
})

test('unsent messages, files too, survive a reload', async () => {
  const chat = await startChat()
  const storage = new MemoryStorage()
  const dead = { ...chat, api: { url: 'http://127.0.0.1:9' } }
  const before = createClient(1, dead, { storage })
  before.connect()
  await before.sendText(2, 'first')
  await before.sendImage(2, picture(2_000), 'second')
  before.disconnect()

  const after = createClient(1, chat, { storage })
  const sent = listen(after, 'sent')
  after.connect()

  await waitFor(() => sent.length === 2, 'both messages')
  expect(sent.map(({ message }) => message)).toEqual(['first', 'second'])
  expect(sent[1]).toMatchObject({ message_type: 'image', file_size: 2_000 })
})

test("one user's unsent messages are not sent by another who uses the same storage", async () => {
  const chat = await startChat()
  const storage = new MemoryStorage()
  const dead = { ...chat, api: { url: 'http://127.0.0.1:9' } }
  const first = createClient(1, dead, { storage })
  first.connect()
  await first.sendText(3, 'mine')
  first.disconnect()

  const second = createClient(2, chat, { storage })
  const sent = listen(second, 'sent')
  second.connect()
  await second.sendText(3, 'yours')

  await waitFor(() => sent.length === 1, 'the own message')
  expect(second.outgoingTo(3)).toEqual([])
  expect(await historyOf(chat.api.url, 1, 3)).toEqual([])
})

test('a refused message says why, lets the next pass, and can be tried again or discarded', async () => {
  const chat = await startChat()
  const client = await online(createClient(1, chat))
  const other = await online(createClient(2, chat))
  const sent = listen(client, 'sent')
  await other.block(1)

  const refused = await client.sendText(2, 'please')
  await waitFor(() => client.outgoingTo(2)[0]?.status === 'failed', 'the refusal')
  expect(client.outgoingTo(2)[0]?.error).toMatch(/block/i)

  await other.unblock(1)
  await client.sendText(2, 'later, but first')
  await waitFor(() => sent.length === 1, 'the next message')
  client.retry(refused.client_message_id)
  await waitFor(() => sent.length === 2, 'the retried message')
  expect(sent.map(({ message }) => message)).toEqual(['later, but first', 'please'])

  await other.block(1)
  const unwanted = await client.sendText(2, 'never mind')
  await waitFor(() => client.outgoingTo(2)[0]?.status === 'failed', 'the second refusal')
  client.discard(unwanted.client_message_id)
  expect(client.outgoingTo(2)).toEqual([])
})

test('too many messages are not refused but wait as long as the server says', async () => {
  const chat = await startChat({ CHAT_RATE_LIMIT: '1' })
  const client = await online(createClient(1, chat))
  const sent = listen(client, 'sent')
  await client.sendText(2, 'one')
  await waitFor(() => sent.length === 1, 'the first message')

  for (let count = 0; count < 20; count += 1) await client.sendText(2, `more ${count}`)
  const isHeldUp = () => client.outgoingTo(2)[0]?.status === 'queued'
  await waitFor(isHeldUp, 'a message that waits')

  expect(client.outgoingTo(2).filter(({ status }) => status === 'failed')).toEqual([])
})

test('a file is sent with progress, and a voice with its duration', async () => {
  const chat = await startChat()
  const client = await online(createClient(1, chat))
  const progress: number[] = []
  const sent = listen(client, 'sent')
  client.on('outgoing', ({ progress: part }) => progress.push(part))

  await client.sendImage(2, picture(3_000_000), 'large')
  await waitFor(() => sent.length === 1, 'the image')

  expect(sent[0]).toMatchObject({ message_type: 'image', message: 'large', file_size: 3_000_000 })
  expect(progress.some((part) => part > 0 && part < 1)).toBe(true)
  expect(Math.max(...progress)).toBe(1)
  const rising = progress.filter((part) => part > 0)
  expect(rising).toEqual([...rising].sort((a, b) => a - b))

  const wav = new Blob([wavHeader(), new Uint8Array(8_000)])
  await client.sendVoice(2, wav, 3.7)
  await waitFor(() => sent.length === 2, 'the voice')
  expect(sent[1]).toMatchObject({ message_type: 'voice', media_duration: 4 })
})

/** One second of silence, 8 kHz, 8 bit: the 44 bytes before it. */
function wavHeader(): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(8_036, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(8_000, 24)
  header.writeUInt32LE(8_000, 28)
  header.writeUInt16LE(1, 32)
  header.writeUInt16LE(8, 34)
  header.write('data', 36)
  header.writeUInt32LE(8_000, 40)
  return Uint8Array.from(header)
}

test('a file that the server does not take fails with its words', async () => {
  const chat = await startChat({ CHAT_MAX_IMAGE_BYTES: '2000' })
  const client = await online(createClient(1, chat))
  const sent = listen(client, 'sent')

  await client.sendImage(2, picture(2_000))
  await waitFor(() => sent.length === 1, 'the image at the limit')
  await client.sendImage(2, picture(2_001))
  await waitFor(() => client.outgoingTo(2)[0]?.status === 'failed', 'the refusal')

  expect(client.outgoingTo(2)[0]?.error).toBe('image must be at most 2000 bytes in size')
})

test('who signs out leaves nothing unsent behind, and what others have written stays', async () => {
  const chat = await processes.startChat()
  const storage = new MemoryStorage()
  const [anna, annasOtherTab, bilal] = [1, 1, 2].map((id) => createClient(id, chat, { storage }))
  const clients = [anna, annasOtherTab, bilal] as ChatClient[]
  await chat.api.program.kill()
  for (const client of clients) await client.sendText(3, `from user ${client.userId}`)
  await anna?.sendImage(3, picture(2_000))
  expect(anna?.unsentCount).toBe(2)
  expect(await storage.list('outbox/')).toHaveLength(4)

  await anna?.signOut()

  expect(anna?.unsentCount).toBe(0)
  expect(await storage.list('outbox/1/')).toEqual([])
  expect(await storage.list('outbox/2/')).toHaveLength(1)
})
