import { expect, test, vi } from 'vitest'
import { readConfig } from '../src/config/config.ts'
import { connect, get, post, sendText, TestSocket } from './support/clients.ts'
import { DescribedSocket, describedFetch } from './support/described.ts'
import { codeBelow, listBelow, onlyCodeBelow, parseExample, shapeOf } from './support/document.ts'
import { temporaryFolder } from './support/folders.ts'
import { multipart, urlencoded } from './support/forms.ts'
import { startApi, startChat, startDaemon } from './support/in-process.ts'
import { JPEG, MP3, OGG } from './support/media.ts'
import { waitFor } from './support/wait.ts'

// The people of the document's examples.
const JOHN = 1928798
const READER = 1928800
const PUBLIC_URL = 'https://shaheenstar.online'
const JOHNS_PROFILE = {
  username: 'john_doe',
  name: 'John Doe',
  profile_url: `${PUBLIC_URL}/uploads/profiles/user.jpg`,
}

/** Runs an example as it stands, `names` being what it takes from the page around it. */
function runExample(code: string, names: Record<string, unknown>): void {
  new Function(...Object.keys(names), code)(...Object.values(names))
}

/** Runs one of the fetch examples; resolves with the arguments of its console.log. */
async function runFetchExample(code: string, apiUrl: string, names: Record<string, unknown> = {}) {
  const console = { log: vi.fn(), error: vi.fn() }
  runExample(code.replace(PUBLIC_URL, apiUrl), { console, fetch: describedFetch, ...names })
  const isOver = () => console.log.mock.calls.length + console.error.mock.calls.length > 0
  await waitFor(isOver, 'the answer to the example')
  expect(console.error).not.toHaveBeenCalled()
  return console.log.mock.calls[0] as [string, ReturnType<typeof JSON.parse>]
}

function dataExample(heading: string, index = 0): object {
  const event = parseExample(codeBelow(heading, 'json')[index] as string)
  return (event as { data: object }).data
}

function imageFile(): File {
  return new File([JPEG], 'holiday.jpg', { type: 'image/jpeg' })
}

function voiceFile(): File {
  return new File([MP3], 'note.mp3', { type: 'audio/mpeg' })
}

test('section 1: the daemon prints the documented start-up lines, word for word', async () => {
  const { program, url } = await startDaemon(temporaryFolder())
  const documented = listBelow('Starting the WebSocket Server')

  const { port } = new URL(url)

  expect(documented).toHaveLength(8)
  expect(program.output.split('\n').slice(0, 8)).toEqual(
    documented.map((line) => line.replace('8089', port)),
  )
})

test('sections 1 and "Version Information": port, tick and upload limits are the defaults', () => {
  const config = readConfig({})

  expect(config.wsPort).toBe(8089)
  expect(config.pollIntervalMs).toBe(10)
  expect(config.imageBytesMax).toBe(10 * 1024 * 1024)
  expect(config.voiceBytesMax).toBe(20 * 1024 * 1024)
})

test('section 2: the connection example connects and hands on every event', async () => {
  const { api, daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  const sockets: DescribedSocket[] = []
  class PageWebSocket extends DescribedSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const page = {
    handleChatMessage: vi.fn(),
    handleUserStatus: vi.fn(),
    handleTyping: vi.fn(),
    handleReadReceipt: vi.fn(),
    console: { log: vi.fn(), error: vi.fn() },
    setTimeout: vi.fn(),
  }
  const code = onlyCodeBelow('JavaScript/HTML Connection', 'js')
  expect(code).toContain('ws://localhost:8089')

  runExample(code.replace('ws://localhost:8089', daemon.url), { WebSocket: PageWebSocket, ...page })

  const logged = (...words: unknown[]) =>
    waitFor(
      () =>
        page.console.log.mock.calls.some((call) => JSON.stringify(call) === JSON.stringify(words)),
      `the example to log ${words}`,
    )
  await logged('Connected to chat server')
  await logged('User ID:', READER)
  await logged('Successfully connected to chat server')

  const john = await connect(daemon.url, JOHN, JOHNS_PROFILE)
  const called = (handler: { mock: { calls: unknown[] } }) => () => handler.mock.calls.length > 0
  await waitFor(called(page.handleUserStatus), 'handleUserStatus')
  expect(page.handleUserStatus.mock.calls[0]?.[0]).toMatchObject({
    user_id: JOHN,
    status: 'online',
  })

  const sent = await sendText(api.url, JOHN, READER, 'Hello!')
  await waitFor(called(page.handleChatMessage), 'handleChatMessage')
  expect(page.handleChatMessage).toHaveBeenCalledExactlyOnceWith(sent)

  john.send({ event: 'chat:typing', data: { receiver_id: READER, is_typing: true } })
  await waitFor(called(page.handleTyping), 'handleTyping')

  const answer = await sendText(api.url, READER, JOHN, 'Hi!')
  john.send({ event: 'chat:read', data: { message_id: answer.message_id } })
  await waitFor(called(page.handleReadReceipt), 'handleReadReceipt')

  sockets[0]?.close()
  await logged('Disconnected from chat server')
  expect(page.setTimeout).toHaveBeenCalledExactlyOnceWith(expect.any(Function), 3000)
  expect(page.console.error).not.toHaveBeenCalled()
})

test('section 2: username and name of the query are what others see of the sender', async () => {
  const { api, daemon } = await startChat()
  const url = onlyCodeBelow('Connection Parameters', '').trim()
  const socket = new TestSocket(url.replace('ws://localhost:8089', daemon.url))
  await socket.event('chat:connected')

  const sent = await sendText(api.url, READER, JOHN, 'Hello')

  expect(sent.sender).toMatchObject({ user_id: READER, username: 'john', name: 'John Doe' })
})

test('sections 3 and 4: the text example is answered as documented and delivered', async () => {
  const { api, daemon } = await startChat()
  const reader = await connect(daemon.url, READER)
  const code = onlyCodeBelow('Send Text Message', 'js')

  const [words, answer] = await runFetchExample(code, api.url)

  const documented = parseExample(onlyCodeBelow('4. API Response Format', 'json'))
  expect(words).toBe('Message sent:')
  expect(answer).toEqual(shapeOf(documented))
  expect(answer).toMatchObject({
    status: 'success',
    message: 'Message sent successfully',
    data: {
      sender_id: JOHN,
      receiver_id: READER,
      message_type: 'text',
      message: 'Hello, how are you?',
    },
  })
  expect(await reader.event('chat:message')).toEqual(answer.data)
})

test('section 3: the image example is answered, delivered and kept', async () => {
  const { api, daemon } = await startChat({ CHAT_PUBLIC_URL: PUBLIC_URL })
  const reader = await connect(daemon.url, READER)
  const code = onlyCodeBelow('Send Image Message', 'js')

  const [words, answer] = await runFetchExample(code, api.url, { imageFile: imageFile() })

  expect(words).toBe('Image sent:')
  expect(answer.data).toMatchObject({ message_type: 'image', file_size: JPEG.length })
  expect(await reader.event('chat:message')).toEqual(answer.data)
  expect(await download(api.url, answer.data.media_url)).toEqual(JPEG)
})

test('section 3: the voice example is answered, delivered and kept', async () => {
  const { api, daemon } = await startChat({ CHAT_PUBLIC_URL: PUBLIC_URL })
  const reader = await connect(daemon.url, READER)
  const code = onlyCodeBelow('Send Voice Message', 'js')

  const [words, answer] = await runFetchExample(code, api.url, { voiceFile: voiceFile() })

  expect(words).toBe('Voice message sent:')
  const media = { message_type: 'voice', media_duration: 15, file_size: MP3.length }
  expect(answer.data).toMatchObject(media)
  expect(await reader.event('chat:message')).toEqual(answer.data)
  expect(await download(api.url, answer.data.media_url)).toEqual(MP3)
})

test('section 3: the duration of a voice message is optional, and OGG is voice too', async () => {
  const api = await startApi(temporaryFolder())
  const form = multipart({ sender_id: JOHN, receiver_id: READER })
  form.append('voice', new File([OGG], 'note.ogg', { type: 'audio/ogg' }))

  const { status, body } = await post(`${api.url}/send_chat_message.php`, form)

  expect(status).toBe(200)
  expect(body.data.media_url).toMatch(/\/uploads\/chat\/voice\/\w+\.(ogg|opus)$/)
  expect(body.data).not.toHaveProperty('media_duration')
})

test('section 5: the event handling example understands each of the five events', async () => {
  const { api, daemon } = await startChat()
  const page = {
    displayMessage: vi.fn(),
    updateUserStatus: vi.fn(),
    showTypingIndicator: vi.fn(),
    markMessageAsRead: vi.fn(),
    console: { log: vi.fn() },
  }
  const socket = new DescribedSocket(`${daemon.url}?user_id=${READER}`)
  runExample(onlyCodeBelow('Handling Events', 'js'), { socket, ...page })
  await waitFor(() => page.console.log.mock.calls.length > 0, 'chat:connected')

  const john = await connect(daemon.url, JOHN)
  const sent = await sendText(api.url, JOHN, READER, 'Hello!')
  john.send({ event: 'chat:typing', data: { receiver_id: READER, is_typing: true } })
  const answer = await sendText(api.url, READER, JOHN, 'Hi!')
  john.send({ event: 'chat:read', data: { message_id: answer.message_id } })

  const handlers = Object.values(page).flatMap((part) => ('log' in part ? [] : [part]))
  const isEachCalled = () => handlers.every((handler) => handler.mock.calls.length > 0)
  await waitFor(isEachCalled, 'all five events')
  expect(page.console.log).toHaveBeenCalledWith('Connected!', expect.anything())
  expect(page.displayMessage).toHaveBeenCalledWith(sent)
  expect(page.updateUserStatus).toHaveBeenCalledWith(JOHN, 'online')
  expect(page.showTypingIndicator).toHaveBeenCalledWith(JOHN)
  expect(page.markMessageAsRead).toHaveBeenCalledWith(answer.message_id)
  socket.terminate()
})

test('section 6: every event has the documented keys, with values of their types', async () => {
  const { api, daemon } = await startChat({ CHAT_PUBLIC_URL: PUBLIC_URL })
  const reader = await connect(daemon.url, READER)
  const john = await connect(daemon.url, JOHN, JOHNS_PROFILE)

  await sendText(api.url, JOHN, READER, 'Hello!')
  await sendFile(api.url, 'image', imageFile())
  await sendFile(api.url, 'voice', voiceFile())
  john.send({ event: 'chat:typing', data: { receiver_id: READER, is_typing: true } })
  const answer = await sendText(api.url, READER, JOHN, 'Hi!')
  john.send({ event: 'chat:read', data: { message_id: answer.message_id } })

  const connected = await reader.event('chat:connected')
  expect(connected).toEqual(shapeOf(dataExample('1. `chat:connected`')))
  expect(connected).toMatchObject({
    user_id: READER,
    message: 'Successfully connected to chat server',
    connected_users: 1,
  })

  const text = await reader.event('chat:message')
  const textExample = dataExample('2. `chat:message`', 0)
  expect(text).toEqual(shapeOf(textExample))
  expect(text).toMatchObject({ message: 'Hello!', sender: { user_id: JOHN, ...JOHNS_PROFILE } })

  const image = await reader.event('chat:message', 2)
  expect(image).toEqual(shapeOf(dataExample('2. `chat:message`', 1)))
  expect(image.media_url).toMatch(
    /^https:\/\/shaheenstar\.online\/uploads\/chat\/images\/\w+\.jpg$/,
  )
  expect(image.sender).toEqual(text.sender)

  const voice = await reader.event('chat:message', 3)
  expect(voice).toEqual(shapeOf(dataExample('2. `chat:message`', 2)))
  expect(voice.media_url).toMatch(/^https:\/\/shaheenstar\.online\/uploads\/chat\/voice\/\w+\.mp3$/)
  expect(voice.sender).toEqual(text.sender)

  const status = await reader.event('chat:user_status')
  expect(status).toEqual(shapeOf(dataExample('3. `chat:user_status`')))
  expect(status).toMatchObject({ user_id: JOHN, status: 'online' })
  const typing = await reader.event('chat:typing')
  expect(typing).toEqual({ sender_id: JOHN, is_typing: true })
  expect(typing).toEqual(shapeOf(dataExample('4. `chat:typing`')))
  const read = await reader.event('chat:read')
  expect(read).toEqual(shapeOf(dataExample('5. `chat:read`')))
  expect(read).toMatchObject({ message_id: answer.message_id, read_by: JOHN })
})

test('section 5: every frame is an event and its data, and nothing else', async () => {
  const { api, daemon } = await startChat()
  const reader = await connect(daemon.url, READER)
  await connect(daemon.url, JOHN)
  await sendText(api.url, JOHN, READER, 'Hello!')
  await reader.event('chat:message')
  await reader.event('chat:user_status')

  for (const frame of reader.frames) {
    expect(frame).toEqual({ event: expect.any(String), data: expect.any(Object) })
  }
})

test('section 6: status is offline once the user has left', async () => {
  const { daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '0' })
  const reader = await connect(daemon.url, READER)
  const john = await connect(daemon.url, JOHN)
  await reader.event('chat:user_status')
  await john.close()

  expect(await reader.event('chat:user_status', 2)).toMatchObject({ status: 'offline' })
})

test('section 7: a send without message, image or voice gets the error response', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const [, errorExample] = codeBelow('Send Chat Message API', 'json')

  const { status, body } = await post(url, { sender_id: JOHN, receiver_id: READER })

  expect(status).toBe(400)
  expect(body).toEqual(shapeOf(parseExample(errorExample as string)))
  expect(body).toEqual({
    status: 'error',
    message: 'At least one of message, image, or voice must be provided',
  })
})

test('section 7: sender_id and receiver_id are required', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`

  const noSender = await post(url, { receiver_id: READER, message: 'Hello' })
  const noReceiver = await post(url, { sender_id: JOHN, message: 'Hello' })

  expect(noSender.status).toBe(400)
  expect(noSender.body).toEqual({ status: 'error', message: 'sender_id is required' })
  expect(noReceiver.status).toBe(400)
  expect(noReceiver.body).toEqual({ status: 'error', message: 'receiver_id is required' })
})

test('section 7: get_conversations.php answers GET and POST alike', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, JOHN, READER, 'Hello')
  const url = `${api.url}/get_conversations.php`

  const got = await get(`${url}?user_id=${READER}`)
  const posted = await post(url, urlencoded({ user_id: READER }))

  expect(got.status).toBe(200)
  expect(got.body).toMatchObject({ status: 'success', data: { limit: 50, offset: 0 } })
  expect(got.body.data.conversations).toHaveLength(1)
  expect(posted.body).toEqual(got.body)
})

test('section 7: get_conversation_messages.php answers GET and POST alike', async () => {
  const api = await startApi(temporaryFolder())
  const first = await sendText(api.url, JOHN, READER, 'Hello')
  const second = await sendText(api.url, READER, JOHN, 'Hi')
  const url = `${api.url}/get_conversation_messages.php`
  const parameters = { user_id: READER, other_user_id: JOHN }

  const got = await get(`${url}?${urlencoded(parameters)}`)
  const posted = await post(url, urlencoded(parameters))
  const older = await post(url, { ...parameters, before_message_id: second.message_id })

  expect(got.status).toBe(200)
  expect(got.body).toMatchObject({ status: 'success', data: { limit: 50, offset: 0 } })
  expect(got.body.data.messages).toEqual([first, second])
  expect(posted.body).toEqual(got.body)
  expect(older.body.data.messages).toEqual([first])
})

test('section 7: send_chat_message.php takes POST only', async () => {
  const api = await startApi(temporaryFolder())
  const parameters = urlencoded({ sender_id: JOHN, receiver_id: READER, message: 'Hello' })

  const { status, body } = await get(`${api.url}/send_chat_message.php?${parameters}`)

  expect(status).toBe(405)
  expect(body).toEqual({ status: 'error', message: 'Use POST here' })
})

async function sendFile(apiUrl: string, kind: 'image' | 'voice', file: File): Promise<void> {
  const form = multipart({ sender_id: JOHN, receiver_id: READER, duration: 15 })
  form.append(kind, file)
  const { status } = await post(`${apiUrl}/send_chat_message.php`, form)
  expect(status).toBe(200)
}

/** What the public URL would serve, read from the process behind it. */
async function download(apiUrl: string, mediaUrl: string): Promise<Buffer> {
  const response = await describedFetch(mediaUrl.replace(PUBLIC_URL, apiUrl))
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}
