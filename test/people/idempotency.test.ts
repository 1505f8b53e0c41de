import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect, type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { multipart } from '../support/forms.ts'
import { startApi, startChat } from '../support/in-process.ts'
import { picture } from '../support/media.ts'
import { historyOf, setBlock } from '../support/people.ts'
import { waitFor } from '../support/wait.ts'

test('a retry gets the first answer, and nobody is told twice', async () => {
  const { api, daemon, folder } = await startChat()
  const secondApi = await startApi(folder)
  const receiver = await connect(daemon.url, 2)
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello', client_message_id: 'a-1' }
  const first = await send(api.url, message)
  expect(first.body.data.client_message_id).toBe('a-1')
  // Whatever else the retry says: the first try counts.
  for (const retry of [message, { ...message, message: 'Hello?' }]) {
    for (const url of [api.url, secondApi.url]) {
      const { status, body } = await send(url, retry)
      expect(status).toBe(200)
      expect(body).toEqual(first.body)
    }
  }
  const last = await sendText(api.url, 1, 2, 'The last')
  await receiver.event('chat:message', 2)
  await receiver.settled()
  // The event says what the answer says, the name of the send included; without one there is none.
  expect(receiver.all('chat:message')).toEqual([first.body.data, last])
  expect(last).not.toHaveProperty('client_message_id')
  expect(await historyOf(api.url, 1, 2)).toMatchObject([{ client_message_id: 'a-1' }, {}])
})

test('first tries at the same time, over two processes, make one message and one event', async () => {
  const { api, daemon, folder } = await startChat()
  const secondApi = await startApi(folder)
  const receiver = await connect(daemon.url, 2)
  const names = Array.from({ length: 20 }, (_, index) => `try-${index}`)
  const answers = await Promise.all(
    names.flatMap((client_message_id) =>
      [api.url, secondApi.url, api.url, secondApi.url].map((url) =>
        send(url, { sender_id: 1, receiver_id: 2, message: 'Hello', client_message_id }),
      ),
    ),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  const ids = new Set(answers.map(({ body }) => body.data.message_id))
  expect(ids.size).toBe(names.length)
  await sendText(api.url, 1, 2, 'The last')
  await receiver.event('chat:message', names.length + 1)
  await receiver.settled()
  expect(receiver.all('chat:message').length).toBe(names.length + 1)
  expect(new Set(receiver.all('chat:message').map((data) => data.client_message_id)).size).toBe(
    names.length + 1,
  )
  expect((await historyOf(api.url, 1, 2)).length).toBe(names.length + 1)
})

test('a name is the sender’s own: others may use the same', async () => {
  const api = await startApi(temporaryFolder())
  const message = { receiver_id: 2, message: 'Hello', client_message_id: '1' }
  const one = await send(api.url, { ...message, sender_id: 1 })
  const three = await send(api.url, { ...message, sender_id: 3 })
  expect(three.status).toBe(200)
  expect(three.body.data.message_id).not.toBe(one.body.data.message_id)
})

test('the same name for another receiver is a mistake, and is refused', async () => {
  const api = await startApi(temporaryFolder())
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello', client_message_id: 'a-1' }
  await send(api.url, message)
  const { status, body } = await send(api.url, { ...message, receiver_id: 3 })
  expect(status).toBe(400)
  expect(body.message).toMatch(/client_message_id/)
  expect(await historyOf(api.url, 1, 3)).toEqual([])
})

test('64 characters are a name, 65 are none; an emoji is one character', async () => {
  const api = await startApi(temporaryFolder())
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello' }
  for (const character of ['x', '👋']) {
    const longest = character.repeat(64)
    const taken = await send(api.url, { ...message, client_message_id: longest })
    expect(taken.status).toBe(200)
    expect(taken.body.data.client_message_id).toBe(longest)
    const refused = await send(api.url, { ...message, client_message_id: longest + character })
    expect(refused.status).toBe(400)
    expect(refused.body.message).toMatch(/client_message_id must be at most 64 characters/)
  }
  expect((await historyOf(api.url, 1, 2)).length).toBe(2)
})

test('an empty name is no name: two sends, two messages', async () => {
  const api = await startApi(temporaryFolder())
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello', client_message_id: '' }
  const [one, two] = [await send(api.url, message), await send(api.url, message)]
  expect(one.body.data.message_id).not.toBe(two.body.data.message_id)
  expect(one.body.data).not.toHaveProperty('client_message_id')
})

test('a refused send leaves its name free, and a retry is answered in spite of a block', async () => {
  const api = await startApi(temporaryFolder())
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello', client_message_id: 'a-1' }
  await sendText(api.url, 2, 1, 'Hello')
  await setBlock(api.url, 2, 1, 1)
  expect((await send(api.url, message)).status).toBe(403)
  await setBlock(api.url, 2, 1, 0)
  const first = await send(api.url, message)
  expect(first.status).toBe(200)
  // The message did get there before the block; to say otherwise now would be wrong.
  await setBlock(api.url, 2, 1, 1)
  expect((await send(api.url, message)).body).toEqual(first.body)
})

test('an upload that is retried, even at the same time, leaves one file', async () => {
  const { api, daemon, folder } = await startChat()
  const secondApi = await startApi(folder)
  const receiver = await connect(daemon.url, 2)
  const upload = () =>
    multipart({ sender_id: 1, receiver_id: 2, image: picture(), client_message_id: 'a-1' })
  const answers = await Promise.all(
    [api.url, secondApi.url, api.url, secondApi.url].map((url) => send(url, upload())),
  )
  answers.push(await send(api.url, upload()))
  for (const { status, body } of answers) {
    expect(status).toBe(200)
    expect(body).toEqual(answers[0]?.body)
  }
  // The others' files go after their answers.
  const filesIn = (name: string) => readdirSync(join(folder, 'uploads', name))
  const isSettled = () => filesIn('chat/images').length === 1 && filesIn('.incoming').length === 0
  await waitFor(isSettled, 'one file to be left')
  const files = filesIn('chat/images')
  const data = answers[0]?.body.data
  expect(data.media_url.endsWith(`/${files[0]}`)).toBe(true)
  await sendText(api.url, 1, 2, 'The last')
  await receiver.event('chat:message', 2)
  expect(receiver.all('chat:message')[0]).toEqual(data)
  const served = await fetch(`${api.url}/uploads/chat/images/${files[0]}`)
  expect((await served.arrayBuffer()).byteLength).toBe(data.file_size)
})

async function send(apiUrl: string, message: object): Promise<HttpAnswer> {
  return post(`${apiUrl}/send_chat_message.php`, message)
}
