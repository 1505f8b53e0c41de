import { expect, test } from 'vitest'
import { get, type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { ENCODING_NAMES, ENCODINGS, urlencoded } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'

const ANNA = 11
const BILAL = 22
const INTEGER_MAX = Number.MAX_SAFE_INTEGER

/** Values that are no id, whatever PHP would have made of them. */
const BAD_IDS: unknown[] = [
  0,
  -1,
  1.5,
  2 ** 53,
  1e21,
  true,
  [1],
  [],
  { id: 1 },
  {},
  '0',
  '-1',
  '1.5',
  '1e3',
  '+1',
  ' 12 ',
  '12\n',
  '12abc',
  '0x10',
  'NaN',
  '١٢',
  '9007199254740992',
  '99999999999999999999',
  '1\0',
  '\ud800',
]

function expectRefusal(answer: HttpAnswer, name: string): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(400)
  expect(answer.body).toEqual({ status: 'error', message: expect.stringContaining(name) })
}

test('each endpoint takes its parameters in any encoding', async () => {
  const api = await startApi(temporaryFolder())
  const people = { user_id: BILAL, other_user_id: ANNA }

  for (const name of ENCODING_NAMES) {
    const call = ENCODINGS[name]
    const message = `Sent as ${name}: 50% + ü & 😀`
    const draft = { sender_id: ANNA, receiver_id: BILAL, message }
    const sent = await call(`${api.url}/send_chat_message.php`, draft)
    expect(sent.status, name).toBe(200)
    expect(sent.body.data).toMatchObject(draft)

    const listed = await call(`${api.url}/get_conversations.php`, { user_id: BILAL, limit: 7 })
    expect(listed.status, name).toBe(200)
    expect(listed.body.data.limit).toBe(7)
    expect(listed.body.data.conversations[0].last_message.message).toBe(message)

    const page = { ...people, limit: 1 }
    const read = await call(`${api.url}/get_conversation_messages.php`, page)
    expect(read.status, name).toBe(200)
    expect(read.body.data.messages).toEqual([sent.body.data])

    const event = { event: 'shop:news', user_id: BILAL, data: '{"text":"Hello"}' }
    const pushed = await call(`${api.url}/chat_websocket_broadcast.php`, event)
    expect(pushed.status, name).toBe(200)
    expect(pushed.body.data).toMatchObject({ event: 'shop:news', user_id: BILAL })
  }
})

test('parameters may be spread over the query and the body; the body wins', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php?sender_id=${ANNA}&message=query`

  const { status, body } = await post(url, { receiver_id: BILAL, message: 'body' })

  expect(status).toBe(200)
  expect(body.data).toMatchObject({ sender_id: ANNA, receiver_id: BILAL, message: 'body' })
})

test('a parameter given twice in one place must be the same', async () => {
  const api = await startApi(temporaryFolder())
  await sendText(api.url, ANNA, BILAL, 'Hello')
  const url = `${api.url}/get_conversations.php`

  const same = await get(`${url}?user_id=${ANNA}&user_id=${ANNA}`)
  expect(same.body.data.conversations).toHaveLength(1)
  const twice = new URLSearchParams([
    ['user_id', '99'],
    ['user_id', String(ANNA)],
  ])
  const form = new FormData()
  for (const [name, value] of twice) form.append(name, value)
  for (const answer of [
    await get(`${url}?${twice}`),
    await post(url, twice),
    await post(url, form),
  ]) {
    expect(answer.status).toBe(400)
    expect(answer.body.message).toBe('user_id is given twice')
  }
})

test('integers come as numbers or as digits, up to the largest safe one', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`

  for (const id of [7, '7', '007', INTEGER_MAX, String(INTEGER_MAX)]) {
    const { status, body } = await post(url, { sender_id: id, receiver_id: ANNA, message: 'Hello' })

    expect(status, String(id)).toBe(200)
    expect(body.data.sender_id).toBe(Number(id))
  }
  const listed = await get(`${api.url}/get_conversations.php?user_id=${ANNA}`)
  const others = listed.body.data.conversations.map(
    (one: { other_user_id: number }) => one.other_user_id,
  )
  expect(others).toEqual([INTEGER_MAX, 7])
})

test('a user is not taken for another who is one beyond the largest safe integer', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const json = `{"sender_id":9007199254740993,"receiver_id":${ANNA},"message":"Hello"}`

  const response = await fetch(url, { method: 'POST', body: json })

  expect(response.status).toBe(400)
})

test('what is no id is refused by name, wherever an id is taken', async () => {
  const api = await startApi(temporaryFolder())
  const draft = { sender_id: ANNA, receiver_id: BILAL, message: 'Hello' }
  await sendText(api.url, ANNA, BILAL, 'Hello')
  const people = { user_id: ANNA, other_user_id: BILAL }
  const endpoints: [string, Record<string, unknown>, string[]][] = [
    ['send_chat_message.php', draft, ['sender_id', 'receiver_id', 'from_user_id', 'to_user_id']],
    ['get_conversations.php', { user_id: ANNA }, ['user_id']],
    ['get_conversation_messages.php', people, ['user_id', 'other_user_id', 'conversation_id']],
    ['chat_websocket_broadcast.php', { event: 'shop:news', data: {} }, ['user_id', 'receiver_id']],
  ]

  for (const [endpoint, parameters, names] of endpoints) {
    for (const name of names) {
      for (const bad of BAD_IDS) {
        const answer = await post(`${api.url}/${endpoint}`, { ...parameters, [name]: bad })
        expectRefusal(answer, name)
      }
    }
  }
  expect(api.program.output).not.toContain('failed')
})

test('what is no id is refused in a form and in a query as well', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/get_conversations.php`

  for (const bad of BAD_IDS.filter((id) => typeof id === 'string')) {
    const form = urlencoded({ user_id: bad })
    expectRefusal(await post(url, form), 'user_id')
    expectRefusal(await get(`${url}?${form}`), 'user_id')
  }
  for (const array of ['user_id[]=1', 'user_id[a]=1']) {
    expectRefusal(await get(`${url}?${array}`), 'user_id')
  }
})

test('empty and null count as not given', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const fielded = { from_user_id: ANNA, to_user_id: BILAL, message: 'Hello' }

  for (const nothing of ['', null]) {
    const missing = { sender_id: nothing, receiver_id: BILAL, message: 'Hello' }
    expect((await post(url, missing)).body.message).toBe('sender_id is required')
    const other = { sender_id: nothing, receiver_id: nothing, ...fielded }
    expect((await post(url, other)).status).toBe(200)
    const page = { user_id: ANNA, limit: nothing, offset: nothing }
    const listed = await post(`${api.url}/get_conversations.php`, page)
    expect(listed.body.data).toMatchObject({ limit: 50, offset: 0 })
  }
})

test('one name of either pair will do', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const mixed = [
    { sender_id: ANNA, to_user_id: BILAL },
    { from_user_id: ANNA, receiver_id: BILAL },
    { sender_id: ANNA, from_user_id: String(ANNA), to_user_id: BILAL },
  ]

  for (const people of mixed) {
    const { status, body } = await post(url, { ...people, message: 'Hello' })

    expect(status).toBe(200)
    expect(body.data).toMatchObject({ sender_id: ANNA, receiver_id: BILAL })
  }
})

test('names that contradict each other are refused, and nothing is sent', async () => {
  const api = await startApi(temporaryFolder())
  const url = `${api.url}/send_chat_message.php`
  const draft = { sender_id: ANNA, receiver_id: BILAL, message: 'Hello' }

  expectRefusal(await post(url, { ...draft, from_user_id: 33 }), 'sender_id and from_user_id')
  expectRefusal(await post(url, { ...draft, to_user_id: 33 }), 'receiver_id and to_user_id')
  const swapped = { ...draft, from_user_id: BILAL, to_user_id: ANNA }
  expectRefusal(await post(url, swapped), 'sender_id and from_user_id')

  const { body } = await get(`${api.url}/get_conversations.php?user_id=${ANNA}`)
  expect(body.data.conversations).toEqual([])
})

test('parameters named like parts of an object are no more than unknown', async () => {
  const api = await startApi(temporaryFolder())
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'upload', '']

  for (const name of names) {
    const json = `{"${name}":{"sender_id":1},"sender_id":1,"receiver_id":2,"message":"Hello"}`
    const url = `${api.url}/send_chat_message.php`
    const asJson = await fetch(url, { method: 'POST', body: json })
    const asForm = await post(url, urlencoded({ [name]: 1, sender_id: 1, receiver_id: 2 }))

    expect(asJson.status, name).toBe(200)
    expectRefusal(asForm, 'At least one of message, image, or voice')
  }
})
