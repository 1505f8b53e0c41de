import { expect, test } from 'vitest'
import { connect, type HttpAnswer, post, sendText } from './support/clients.ts'
import { temporaryFolder } from './support/folders.ts'
import { multipart, type Parameters, urlencoded } from './support/forms.ts'
import { startApi, startChat } from './support/in-process.ts'
import { JPEG, MP3 } from './support/media.ts'

const ANNA = 11
const BILAL = 22
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/
const BILALS_PROFILE = {
  username: 'bilal',
  name: 'Bilal Q',
  profile_url: 'https://pics.test/b.jpg',
}

/** As clients in the field do: a form in which every value is a string. */
async function postForm(apiUrl: string, endpoint: string, form: Parameters): Promise<HttpAnswer> {
  return post(`${apiUrl}/${endpoint}`, urlencoded(form))
}

async function postFile(
  apiUrl: string,
  kind: 'image' | 'voice',
  parameters: Parameters,
): Promise<HttpAnswer> {
  const form = multipart({ sender_id: BILAL, receiver_id: ANNA, ...parameters })
  form.append(kind, new File([kind === 'image' ? JPEG : MP3], 'upload.bin'))
  return post(`${apiUrl}/send_chat_message.php`, form)
}

async function conversationsOf(apiUrl: string, userId: number) {
  const { status, body } = await postForm(apiUrl, 'get_conversations.php', { user_id: userId })
  expect(status).toBe(200)
  return body.data.conversations
}

async function messagesOf(apiUrl: string, form: Parameters) {
  const { status, body } = await postForm(apiUrl, 'get_conversation_messages.php', form)
  expect(status).toBe(200)
  return body.data.messages
}

test('a send takes sender and receiver under either pair of names, or both', async () => {
  const api = await startApi(temporaryFolder())
  const documented = { sender_id: ANNA, receiver_id: BILAL }
  const fielded = { from_user_id: ANNA, to_user_id: BILAL }

  for (const people of [documented, fielded, { ...documented, ...fielded }]) {
    const form = { ...people, message: 'Hello' }
    const { status, body } = await postForm(api.url, 'send_chat_message.php', form)

    expect(status).toBe(200)
    expect(body.status).toBe('success')
    expect(body.data).toMatchObject({ ...documented, message: 'Hello' })
  }
})

test('the file decides the type of a message, whatever message_type says', async () => {
  const api = await startApi(temporaryFolder())

  const voice = await postFile(api.url, 'voice', { message_type: 'text' })
  const image = await postFile(api.url, 'image', { message_type: 'voice' })
  const form = { sender_id: ANNA, receiver_id: BILAL, message: 'Hello', message_type: 'image' }
  const text = await postForm(api.url, 'send_chat_message.php', form)

  expect(voice.body.data.message_type).toBe('voice')
  expect(image.body.data.message_type).toBe('image')
  expect(text.body.data.message_type).toBe('text')
})

test('media carries a caption in message', async () => {
  const api = await startApi(temporaryFolder())

  const image = await postFile(api.url, 'image', { message: 'Our new shop' })
  const voice = await postFile(api.url, 'voice', { message: 'Listen!' })

  expect(image.body.data).toMatchObject({ message_type: 'image', message: 'Our new shop' })
  expect(voice.body.data).toMatchObject({ message_type: 'voice', message: 'Listen!' })
  const [conversation] = await conversationsOf(api.url, ANNA)
  expect(conversation.last_message).toMatchObject({ message: 'Listen!', message_type: 'voice' })
})

test('messages are found by user_id and other_user_id from either side', async () => {
  const api = await startApi(temporaryFolder())
  const sent = await sendText(api.url, ANNA, BILAL, 'Hello')

  const annas = await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })
  const bilals = await messagesOf(api.url, { user_id: BILAL, other_user_id: ANNA })

  expect(annas).toEqual([sent])
  expect(bilals).toEqual([sent])
})

test('messages are found by conversation_id, with user_id and without', async () => {
  const api = await startApi(temporaryFolder())
  const sent = await sendText(api.url, ANNA, BILAL, 'Hello')
  await sendText(api.url, ANNA, 33, 'Not this one')
  const conversationId = sent.conversation_id

  const without = await messagesOf(api.url, { conversation_id: conversationId })
  const annas = await messagesOf(api.url, { conversation_id: conversationId, user_id: ANNA })

  expect(without).toEqual([sent])
  expect(annas).toEqual([sent])
})

test('a conversation is told to those who take part in it only', async () => {
  const api = await startApi(temporaryFolder())
  const { conversation_id } = await sendText(api.url, ANNA, BILAL, 'Hello')
  const endpoint = 'get_conversation_messages.php'

  const stranger = await postForm(api.url, endpoint, { conversation_id, user_id: 33 })
  const unknown = await postForm(api.url, endpoint, { conversation_id: conversation_id + 1 })

  expect(unknown.status).toBe(404)
  expect(unknown.body).toEqual({ status: 'error', message: expect.any(String) })
  expect({ ...stranger, headers: {} }).toEqual({ ...unknown, headers: {} })
})

test('people who never wrote to each other have an empty page, not an error', async () => {
  const api = await startApi(temporaryFolder())

  expect(await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })).toEqual([])
  expect(await conversationsOf(api.url, ANNA)).toEqual([])
})

test('a socket passes profile_url, and others see it', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, BILAL, BILALS_PROFILE)

  const sent = await sendText(api.url, BILAL, ANNA, 'Hello')

  expect(sent.sender_profile_url).toBe('https://pics.test/b.jpg')
})

test('a conversation has every key that clients read, with its type', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, BILAL, BILALS_PROFILE)
  await sendText(api.url, BILAL, ANNA, 'One')
  const last = await sendText(api.url, BILAL, ANNA, 'Two')

  const [conversation, ...others] = await conversationsOf(api.url, ANNA)

  expect(others).toEqual([])
  expect(conversation).toMatchObject({
    conversation_id: last.conversation_id,
    id: last.conversation_id,
    other_user_id: BILAL,
    other_user: { user_id: BILAL, ...BILALS_PROFILE },
    other_user_name: 'Bilal Q',
    other_user_username: 'bilal',
    other_user_profile_url: 'https://pics.test/b.jpg',
    last_message: {
      message_id: last.message_id,
      sender_id: BILAL,
      message: 'Two',
      message_type: 'text',
      created_at: last.created_at,
    },
    last_message_time: last.created_at,
    unread_count: 2,
    is_online: true,
    status: 'online',
  })
  expect(conversation.last_message_time).toMatch(TIME)
})

test('the other side of the same conversation has nothing unread, and sees who is offline', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, BILAL)
  await sendText(api.url, BILAL, ANNA, 'Hello')

  const [conversation] = await conversationsOf(api.url, BILAL)

  expect(conversation).toMatchObject({ other_user_id: ANNA, unread_count: 0 })
  expect(conversation).toMatchObject({ is_online: false, status: 'offline' })
})

test('a text message has every key that clients read, with its type', async () => {
  const { api, daemon } = await startChat()
  await connect(daemon.url, BILAL, BILALS_PROFILE)
  const sent = await sendText(api.url, BILAL, ANNA, 'Hello')

  const [message] = await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })

  expect(message).toMatchObject({
    id: sent.message_id,
    message_id: sent.message_id,
    sender_id: BILAL,
    sender_name: 'Bilal Q',
    sender_username: 'bilal',
    sender_profile_url: 'https://pics.test/b.jpg',
    message: 'Hello',
    message_type: 'text',
    created_at: expect.stringMatching(TIME),
    is_read: false,
  })
})

test('a media message has its address twice, and a message that is a string', async () => {
  const api = await startApi(temporaryFolder())
  await postFile(api.url, 'image', {})
  await postFile(api.url, 'voice', {})

  const [image, voice] = await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })

  expect(image).toMatchObject({ message_type: 'image', message: '', is_read: false })
  expect(image.media_url).toMatch(/^http:\/\/\S+\/uploads\/chat\/images\/\w+\.jpg$/)
  expect(image.image_url).toBe(image.media_url)
  expect(image).not.toHaveProperty('voice_url')
  expect(voice).toMatchObject({ message_type: 'voice', message: '', is_read: false })
  expect(voice.media_url).toMatch(/^http:\/\/\S+\/uploads\/chat\/voice\/\w+\.mp3$/)
  expect(voice.voice_url).toBe(voice.media_url)
  expect(voice).not.toHaveProperty('image_url')
})

test('somebody of whom nothing is known has strings all the same, never null', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, BILAL, ANNA, 'Hello')

  const [message] = await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })
  const [conversation] = await conversationsOf(api.url, ANNA)

  expect(message).toMatchObject({ sender_username: '', sender_profile_url: '' })
  expect(message.sender_name).toBe(`User ${BILAL}`)
  expect(conversation).toMatchObject({ other_user_username: '', other_user_profile_url: '' })
  expect(conversation.other_user_name).toBe(`User ${BILAL}`)
  expect(JSON.stringify([message, conversation])).not.toContain('null')
})

test('messages come oldest first, and the default page is the newest', async () => {
  const api = await startApi(temporaryFolder())
  const ids: number[] = []
  for (let count = 1; count <= 51; count += 1) {
    ids.push((await sendText(api.url, ANNA, BILAL, `Message ${count}`)).message_id)
  }

  const messages = await messagesOf(api.url, { user_id: ANNA, other_user_id: BILAL })

  expect(messages.map((message: { id: number }) => message.id)).toEqual(ids.slice(1))
})

test('the conversation with the newest message comes first', async () => {
  const api = await startApi(temporaryFolder())
  const others = async () =>
    (await conversationsOf(api.url, ANNA)).map(
      (one: { other_user_id: number }) => one.other_user_id,
    )
  await sendText(api.url, ANNA, BILAL, 'First')
  await sendText(api.url, 33, ANNA, 'Second')
  expect(await others()).toEqual([33, BILAL])

  await sendText(api.url, BILAL, ANNA, 'Third')

  expect(await others()).toEqual([BILAL, 33])
})
