import { expect, test } from 'vitest'
import { connect, get, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startApi, startDaemon } from '../support/in-process.ts'
import * as processes from '../support/processes.ts'
import { exchange, openSocket } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'
const MULTIPART = 'multipart/form-data; boundary=b'

/** POSTs a body as it stands; returns '400 what is wrong'. */
async function send(apiUrl: string, type: string, body: string | Buffer<ArrayBuffer>, query = '') {
  const response = await fetch(`${apiUrl}/send_chat_message.php${query}`, {
    method: 'POST',
    headers: { 'Content-Type': type },
    body,
  })
  const answer = (await response.json()) as { message: string }
  return `${response.status} ${answer.message}`
}

function multipart(...parts: [name: string, content: string][]): string {
  const head = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`
  return `${parts.map(([name, content]) => `${head(name)}${content}\r\n`).join('')}--b--\r\n`
}

const SENT = '200 Message sent successfully'
const PEOPLE = '"sender_id":1,"receiver_id":2'

test('keys that mean something to JavaScript are keys like others', async () => {
  const { url } = await startApi(temporaryFolder())
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']
  for (const key of keys) {
    const json = `{"${key}":{"sender_id":1,"receiver_id":2,"message":"x"}}`
    expect(await send(url, JSON_TYPE, json)).toBe('400 sender_id is required')
    expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"x","${key}":{"a":1}}`)).toBe(SENT)
    expect(await send(url, FORM, `sender_id=1&receiver_id=2&message=x&${key}=1`)).toBe(SENT)
    const body = multipart(['sender_id', '1'], ['receiver_id', '2'], ['message', 'x'], [key, '1'])
    expect(await send(url, MULTIPART, body)).toBe(SENT)
    expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"x"}`, `?${key}=1`)).toBe(SENT)
  }
  // Nor did any of them stick.
  expect(await send(url, JSON_TYPE, '{}')).toBe('400 sender_id is required')
})

test('a broadcast passes keys on as they are, and takes nothing from them', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  const { url: daemonUrl } = await startDaemon(folder)
  const socket = await connect(daemonUrl, 1)
  const data = '{"__proto__":{"a":1},"constructor":{"prototype":{"a":2}}}'
  const body = `{"event":"shop:news","data":${data}}`
  const response = await fetch(`${url}/chat_websocket_broadcast.php`, { method: 'POST', body })
  expect(response.status).toBe(200)
  const received = await socket.event('shop:news')
  expect(JSON.stringify(received)).toBe(data)
})

test('a key twice in a form is refused when the values differ', async () => {
  const { url } = await startApi(temporaryFolder())
  const twice = '400 sender_id is given twice'
  expect(await send(url, FORM, 'sender_id=1&receiver_id=2&message=x&sender_id=3')).toBe(twice)
  const parts: [string, string][] = [
    ['sender_id', '1'],
    ['receiver_id', '2'],
    ['message', 'x'],
  ]
  expect(await send(url, MULTIPART, multipart(...parts, ['sender_id', '3']))).toBe(twice)
  expect(await send(url, MULTIPART, multipart(...parts, ['sender_id', '1']))).toBe(SENT)
})

test('of a key twice in one JSON object the last counts, for who may do it as for what is done', async () => {
  const { url } = await startApi(temporaryFolder())
  const body = '{"sender_id":1,"receiver_id":2,"message":"x","sender_id":3}'
  expect(await send(url, JSON_TYPE, body)).toBe(SENT)
  const list = async (userId: number) =>
    (await get(`${url}/get_conversations.php?user_id=${userId}`)).body.data.conversations.length
  expect([await list(1), await list(3)]).toEqual([0, 1])
})

test('a list or an object is no id and no text', async () => {
  const { url } = await startApi(temporaryFolder())
  const single = (name: string) => `400 ${name} must be a single value`
  const objects = ['[1]', '[]', '{}', '{"toString":1,"valueOf":1}', '[[1]]']
  for (const object of objects) {
    const sender = `{"sender_id":${object},"receiver_id":2,"message":"x"}`
    expect(await send(url, JSON_TYPE, sender)).toBe(single('sender_id'))
    expect(await send(url, JSON_TYPE, sender, '?sender_id=1')).toBe(single('sender_id'))
    const message = `{${PEOPLE},"message":${object}}`
    expect(await send(url, JSON_TYPE, message)).toBe(single('message'))
  }
  // What PHP makes of this is a list; here it is a name that nobody knows.
  const list = 'sender_id[]=1&receiver_id=2&message=x'
  expect(await send(url, FORM, list)).toBe('400 sender_id is required')
})

test('what is nearly a number is no id, in any body', async () => {
  const { url } = await startApi(temporaryFolder())
  const digits = ['9'.repeat(17), '9'.repeat(400), '٣']
  const refused = '400 sender_id must be a positive integer'
  for (const id of ['1e3', ' 12 ', '12 ', '+1', '-1', '0', '0x10', '1.0', ...digits]) {
    const encoded = encodeURIComponent(id)
    const parts: [string, string][] = [
      ['sender_id', id],
      ['receiver_id', '2'],
      ['message', 'x'],
    ]
    const answers = [
      await send(url, FORM, `sender_id=${encoded}&receiver_id=2&message=x`),
      await send(url, JSON_TYPE, `{"sender_id":"${id}","receiver_id":2,"message":"x"}`),
      await send(url, MULTIPART, multipart(...parts)),
      await send(url, FORM, 'receiver_id=2&message=x', `?sender_id=${encoded}`),
    ]
    expect([id, ...answers]).toEqual([id, refused, refused, refused, refused])
  }
})

test('a number in JSON is what it stands for, if it is one that can be counted to', async () => {
  const { url } = await startApi(temporaryFolder())
  const outcome = (number: string) =>
    send(url, JSON_TYPE, `{"sender_id":${number},"receiver_id":2,"message":"x"}`)
  const refused = '400 sender_id must be a positive integer'
  for (const number of ['1e3', '1.0', '9007199254740991']) expect(await outcome(number)).toBe(SENT)
  for (const number of ['1e400', '1e21', '1.5', '-0', '9007199254740993', `1${'0'.repeat(400)}`]) {
    expect([number, await outcome(number)]).toEqual([number, refused])
  }
})

test('NUL, lone surrogates and what is not UTF-8 are refused in every body and in the query', async () => {
  const { url } = await startApi(temporaryFolder())
  const form = (message: string) => `sender_id=1&receiver_id=2&message=${message}`
  const parts = (message: string) =>
    multipart(['sender_id', '1'], ['receiver_id', '2'], ['message', message])
  const plain = '400 message must be plain Unicode text'
  const notEncoded = '400 The parameters are not percent-encoded UTF-8'
  const latin1 = (text: string) => Buffer.from(text, 'latin1')

  expect(await send(url, FORM, form('a%00b'))).toBe(plain)
  expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"a\\u0000b"}`)).toBe(plain)
  expect(await send(url, MULTIPART, parts('a\0b'))).toBe(plain)
  expect(await send(url, FORM, 'sender_id=1&receiver_id=2', '?message=a%00b')).toBe(plain)

  expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"a\\ud800b"}`)).toBe(plain)
  expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"\\ude00\\ud83d"}`)).toBe(plain)
  expect(await send(url, FORM, form('%ED%A0%80'))).toBe(notEncoded)

  const notUtf8 = '400 The body is not valid UTF-8'
  expect(await send(url, FORM, form('%ff'))).toBe(notEncoded)
  expect(await send(url, FORM, latin1(form('\xff')))).toBe(notUtf8)
  expect(await send(url, JSON_TYPE, latin1(`{${PEOPLE},"message":"\xff"}`))).toBe(notUtf8)
  expect(await send(url, FORM, 'sender_id=1&receiver_id=2', '?message=%ff')).toBe(notEncoded)
  // busboy puts U+FFFD where a part is not UTF-8, and does not say so.
  expect(await send(url, MULTIPART, latin1(parts('\xff')))).toBe(SENT)
})

test('a body that is not as long as its head says is refused, or waited for, never guessed at', async () => {
  const { url } = await startApi(temporaryFolder())
  const body = '{"sender_id":1,"receiver_id":2,"message":"Hello"}'
  const head = (length: string | number) =>
    'POST /send_chat_message.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' +
    `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`

  const short = await exchange(url, head(body.length - 1) + body)
  expect(short.status).toBe(400)
  for (const length of ['-1', '1e3', '', '0x31', '49, 49', '99999999999999999999']) {
    expect([length, (await exchange(url, head(length) + body)).status]).toEqual([length, 400])
  }
  const both = head(body.length).replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')
  expect((await exchange(url, both + body)).status).toBe(400)

  // The rest never comes.
  const half = await openSocket(url)
  half.resume()
  half.end(head(body.length + 1) + body)
  await waitFor(() => half.closed, 'the half-sent request to be given up')
  const { body: listed } = await get(`${url}/get_conversations.php?user_id=1`)
  expect(listed.data.conversations).toEqual([])
})

test('10,000 parameters are too many in every body, and in the query', async () => {
  const { url } = await startApi(temporaryFolder())
  const names = Array.from({ length: 10_000 }, (_, index) => `a${index}`)
  const form = names.map((name) => `${name}=1`).join('&')
  expect(await send(url, FORM, form)).toMatch(/^413 /)
  expect(await send(url, JSON_TYPE, `{${names.map((name) => `"${name}":1`).join()}}`)).toMatch(
    /^413 /,
  )
  const parts = names.slice(0, 5_000).map((name): [string, string] => [name, '1'])
  expect(await send(url, MULTIPART, multipart(...parts))).toMatch(/^413 /)
  const inQuery = names.slice(0, 500).map((name) => `${name}=1`)
  expect(await send(url, FORM, 'a=1', `?${inQuery.join('&')}`)).toMatch(/^413 /)
})

test('100,000 levels of JSON are refused, wherever they stand', async () => {
  const settings = { CHAT_MAX_MESSAGE_LENGTH: '100000' }
  const { program, url } = await processes.startApi(temporaryFolder(), settings)
  const levels = 100_000
  const lists = '['.repeat(levels) + ']'.repeat(levels)
  const objects = `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
  const broadcast = async (data: string | URLSearchParams) => {
    const init = { method: 'POST', body: data }
    const response = await fetch(`${url}/chat_websocket_broadcast.php`, init)
    return response.status
  }
  for (const deep of [lists, objects]) {
    expect([400, 413]).toContain(await broadcast(`{"event":"x","data":{"a":${deep}}}`))
    expect([400, 413]).toContain(await broadcast(`{"event":"x","data":${deep}}`))
    expect([400, 413]).toContain(await broadcast(new URLSearchParams({ event: 'x', data: deep })))
    expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":${deep}}`)).toMatch(/^400 /)
    expect(await send(url, JSON_TYPE, `{"sender_id":${deep}}`, '?sender_id=1')).toMatch(/^400 /)
    expect(await send(url, JSON_TYPE, deep)).toMatch(/^400 /)
  }
  // What nobody looks at harms nobody.
  expect(await send(url, JSON_TYPE, `{${PEOPLE},"message":"x","other":${lists}}`)).toBe(SENT)
  expect(program.output).not.toContain('failed')
})

test('a frame that makes no sense is answered with an error, and the socket stays open', async () => {
  const { program, url } = await startDaemon(temporaryFolder())
  const id = (name: string) => `data.${name} must be a positive integer`
  const frames: [string, string][] = [
    [
      '{"event":"chat:typing","data":{"receiver_id":{"toString":1,"valueOf":1}}}',
      id('receiver_id'),
    ],
    ['{"event":"chat:read","data":{"message_id":{"toString":null}}}', id('message_id')],
    ['{"event":"chat:read","data":{"message_id":[1]}}', id('message_id')],
    ['{"event":"chat:read","data":{"__proto__":{"message_id":1}}}', id('message_id')],
    ['{"event":"chat:read","data":{"message_id":"1e3"}}', id('message_id')],
    ['{"event":"chat:read","data":{"message_id":" 1 "}}', id('message_id')],
    ['{"event":"chat:read","data":{"message_id":1e400}}', id('message_id')],
    ['{"event":"chat:read","data":{"message_id":true}}', id('message_id')],
    [
      '{"event":"chat:typing","data":{"receiver_id":2,"is_typing":{}}}',
      'data.is_typing must be true or false',
    ],
    ['{"event":"__proto__"}', 'No client event is called "__proto__"'],
    ['{"event":"constructor","data":{}}', 'No client event is called "constructor"'],
    ['{"event":{"toString":1}}', 'Send a JSON object with "event" and, if it has any, "data"'],
    ['{"event":"ping","data":[]}', 'Send a JSON object with "event" and, if it has any, "data"'],
    ['null', 'Send a JSON object with "event" and, if it has any, "data"'],
    ['"ping"', 'Send a JSON object with "event" and, if it has any, "data"'],
    ['', 'Send a JSON object with "event" and, if it has any, "data"'],
    ['['.repeat(4_000), 'Send a JSON object with "event" and, if it has any, "data"'],
  ]
  // Users of their own: one alone would soon have sent too much.
  for (const [index, [frame, reason]] of frames.entries()) {
    const socket = await connect(url, index + 1)
    socket.send(frame)
    expect([frame.slice(0, 80), await socket.event('error')]).toEqual([
      frame.slice(0, 80),
      { reason },
    ])
    const deep = `{"event":"ping","data":{"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}}`
    socket.send(deep)
    await socket.event('pong')
    await socket.close()
  }
  expect(program.output).not.toContain('failed')
})

test('the same bytes in a binary frame are the same frame', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const socket = await connect(url, 1)
  socket.socket.send(Buffer.from('{"event":"ping"}'), { binary: true })
  await socket.event('pong')
  socket.socket.send(Buffer.from([0xff, 0xfe]), { binary: true })
  await socket.event('error')
  await socket.settled()
})

test('a frame, whole or in fragments, has at most 4 KB', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const frame = (bytes: number) => JSON.stringify({ event: 'ping' }).padEnd(bytes, ' ')
  const socket = await connect(url, 1)
  socket.send(frame(4_096))
  await socket.event('pong')
  socket.send(frame(4_097))
  expect((await socket.whenClosed()).code).toBe(1009)

  const inFragments = await connect(url, 1)
  for (let sent = 0; sent < 4_096; sent += 1_024) {
    inFragments.socket.send(' '.repeat(1_024), { fin: false })
  }
  inFragments.socket.send(' ', { fin: true })
  expect((await inFragments.whenClosed()).code).toBe(1009)
})

test('text that is not UTF-8 closes the socket with 1007, and that one alone', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const [bad, good] = [await connect(url, 1), await connect(url, 2)]
  bad.socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
  expect((await bad.whenClosed()).code).toBe(1007)
  await good.settled()
})

test('odd handshakes are refused or read as best can be', async () => {
  const { url } = await startDaemon(temporaryFolder())
  const closed = async (query: string) => {
    const socket = new TestSocket(`${url}/?${query}`)
    return (await socket.whenClosed()).code
  }
  for (const id of ['0', '-1', '1e3', '%2012', '1%00', '%ff', '9'.repeat(17), '1.0', '٣']) {
    expect([id, await closed(`user_id=${id}`)]).toEqual([id, 4400])
  }
  const name = 'a%00b%ff'
  const socket = new TestSocket(`${url}/?user_id=1&name=${name}&username=__proto__&%=%`)
  expect((await socket.event('chat:connected')).user_id).toBe(1)
})

test('names are kept without what cannot be shown', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  const { url: daemonUrl } = await startDaemon(folder)
  await connect(daemonUrl, 1, { username: 'jo\0hn', name: 'John\0' })
  const message = { sender_id: 1, receiver_id: 2, message: 'Hello' }
  const { body } = await post(`${url}/send_chat_message.php`, message)
  expect(body.data.sender).toMatchObject({ username: 'john', name: 'John' })
})
