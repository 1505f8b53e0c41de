import { expect, test } from 'vitest'
import { connect, get, type HttpAnswer, post } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { ENCODING_NAMES, ENCODINGS } from '../support/forms.ts'
import { startApi, startChat } from '../support/in-process.ts'

const PEOPLE = { sender_id: 1, receiver_id: 2 }
const EMOJI = '😀'

async function send(apiUrl: string, message: unknown): Promise<HttpAnswer> {
  return post(`${apiUrl}/send_chat_message.php`, { ...PEOPLE, message })
}

test('a message has at most 5,000 characters, counted as people do', async () => {
  const api = await startApi(temporaryFolder())

  for (const character of ['a', 'ü', 'ش', EMOJI]) {
    const at = await send(api.url, character.repeat(5000))
    const beyond = await send(api.url, character.repeat(5001))

    expect(at.status).toBe(200)
    expect(at.body.data.message).toBe(character.repeat(5000))
    expect(beyond.status).toBe(400)
    const message = 'message must be at most 5000 characters long'
    expect(beyond.body).toEqual({ status: 'error', message })
  }
})

test('CHAT_MAX_MESSAGE_LENGTH changes how long a message may be', async () => {
  const api = await startApi(temporaryFolder(), { CHAT_MAX_MESSAGE_LENGTH: '3' })

  expect((await send(api.url, `a${EMOJI}b`)).status).toBe(200)
  expect((await send(api.url, `a${EMOJI}bc`)).status).toBe(400)
  expect((await send(api.url, EMOJI.repeat(3))).status).toBe(200)
  expect((await send(api.url, EMOJI.repeat(4))).status).toBe(400)
})

test('the longest message that can be allowed gets through in any body and to a socket', async () => {
  const { api, daemon } = await startChat({ CHAT_MAX_MESSAGE_LENGTH: '100000' })
  const receiver = await connect(daemon.url, 2)
  const message = EMOJI.repeat(100_000)
  const url = `${api.url}/send_chat_message.php`

  for (const encoding of ['urlencoded', 'json', 'multipart'] as const) {
    const { status, body } = await ENCODINGS[encoding](url, { ...PEOPLE, message })
    expect(status, encoding).toBe(200)
    expect(body.data.message === message, encoding).toBe(true)
  }
  // As Python and PHP write JSON: twelve bytes for each emoji.
  const escaped = JSON.stringify({ ...PEOPLE, message: '\\' }).replace(
    '\\\\',
    '\\ud83d\\ude00'.repeat(100_000),
  )
  const response = await fetch(url, { method: 'POST', body: escaped })
  expect(response.status).toBe(200)

  const delivered = await receiver.event('chat:message', 4)
  expect(delivered.message === message).toBe(true)
})

test('a message of the most expensive characters still fits into its event', async () => {
  const { api, daemon } = await startChat({ CHAT_MAX_MESSAGE_LENGTH: '100000' })
  const receiver = await connect(daemon.url, 2)
  const message = '\u0001'.repeat(100_000)

  const sent = await send(api.url, message)

  expect(sent.status).toBe(200)
  expect((await receiver.event('chat:message')).message === message).toBe(true)
})

test('text comes back as it was sent, whatever is in it', async () => {
  const { api, daemon } = await startChat()
  const receiver = await connect(daemon.url, 2)
  const url = `${api.url}/send_chat_message.php`
  const texts = [
    'مرحبا، كيف حالك؟ \u202eabc\u202c',
    '👨‍👩‍👧‍👦 e\u0301 \u200b\u2028\u2029',
    '  spaces stay  ',
    'two\nlines\tand a tab',
    '<script>alert("1")</script> & \'; DROP TABLE messages; --',
    '%00 %zz 100% a+b \\u0041 \\',
    '{"event":"chat:message"}',
    '0',
    '\u0001\u007f\ufeff\uffff',
  ]
  let count = 0

  for (const message of texts) {
    for (const encoding of ENCODING_NAMES) {
      // Line ends in multipart are the browser's business, which writes CR LF.
      if (encoding === 'multipart' && message.includes('\n')) continue
      const { status, body } = await ENCODINGS[encoding](url, { ...PEOPLE, message })
      expect(status, `${message} as ${encoding}`).toBe(200)
      expect(body.data.message, encoding).toBe(message)
      count += 1
      expect((await receiver.event('chat:message', count)).message).toBe(message)
    }
  }
})

test('a message that is no text, or nothing to see, is refused', async () => {
  const api = await startApi(temporaryFolder())
  const nothing = ['', '   ', '\n\t\r', '\u3000\u00a0', null, undefined]
  const notText = [[], ['Hello'], {}, { text: 'Hello' }, 'a\0b', '\ud800', 'a\udc00b']

  for (const message of nothing) {
    const { status, body } = await send(api.url, message)
    expect(status, JSON.stringify(message)).toBe(400)
    expect(body.message).toBe('At least one of message, image, or voice must be provided')
  }
  for (const message of notText) {
    const { status, body } = await send(api.url, message)
    expect(status, JSON.stringify(message)).toBe(400)
    expect(body).toEqual({ status: 'error', message: expect.stringContaining('message') })
  }
  const { body } = await get(`${api.url}/get_conversations.php?user_id=1`)
  expect(body.data.conversations).toEqual([])
  expect(api.program.output).not.toContain('failed')
})

test('a number or a truth value as message is sent as its text', async () => {
  const api = await startApi(temporaryFolder())

  expect((await send(api.url, 42)).body.data.message).toBe('42')
  expect((await send(api.url, 0)).body.data.message).toBe('0')
  expect((await send(api.url, true)).body.data.message).toBe('true')
})

test('nobody sends to themselves', async () => {
  const api = await startApi(temporaryFolder())
  const draft = { sender_id: 1, receiver_id: '1', message: 'Hello' }

  const { status, body } = await post(`${api.url}/send_chat_message.php`, draft)

  expect(status).toBe(400)
  expect(body).toEqual({
    status: 'error',
    message: 'sender_id and receiver_id must be two different users',
  })
})

test('a retry with the same client_message_id is answered alike and sent once', async () => {
  const { api, daemon } = await startChat()
  const receiver = await connect(daemon.url, 2)
  const url = `${api.url}/send_chat_message.php`
  const draft = { ...PEOPLE, message: 'Hello', client_message_id: EMOJI.repeat(64) }

  const answers = await Promise.all([post(url, draft), post(url, draft), post(url, draft)])
  const later = await post(url, draft)
  const other = await post(url, { ...draft, sender_id: 3 })

  for (const answer of [...answers, later]) {
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual(later.body)
  }
  expect(other.body.data.message_id).not.toBe(later.body.data.message_id)
  await receiver.event('chat:message', 2)
  await receiver.settled()
  expect(receiver.all('chat:message')).toEqual([later.body.data, other.body.data])
})

test('a client_message_id that is too long or used for somebody else is refused', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const draft = { ...PEOPLE, message: 'Hello' }

  const tooLong = await post(url, { ...draft, client_message_id: 'x'.repeat(65) })
  const first = await post(url, { ...draft, client_message_id: 'x'.repeat(64) })
  const reused = await post(url, { ...draft, receiver_id: 3, client_message_id: 'x'.repeat(64) })

  expect(tooLong.status).toBe(400)
  expect(first.status).toBe(200)
  expect(reused.status).toBe(400)
  expect(reused.body.message).toContain('client_message_id')
})
