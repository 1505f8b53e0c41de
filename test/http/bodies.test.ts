import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { multipart, urlencoded } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { JPEG } from '../support/media.ts'
import { exchange, openSocket } from '../support/raw-http.ts'
import type { Environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

const DRAFT = { sender_id: 1, receiver_id: 2, message: 'Hello' }
/** A text body, and a multipart one beside its file: 5,000 characters of 12 bytes, and 8 KB. */
const TEXT_BODY_BYTES_MAX = 68_192
const FIELDS_MAX = 50
const FIELD_NAME_BYTES_MAX = 100

type Body = string | Buffer<ArrayBuffer> | ReadableStream

/** POSTs bytes to send_chat_message.php; a stream goes without a Content-Length. */
async function send(apiUrl: string, body: Body, contentType: string): Promise<HttpAnswer> {
  // A browser's types do not know of `duplex`.
  const request: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body,
    headers: { 'Content-Type': contentType },
    duplex: 'half',
  }
  const response = await fetch(`${apiUrl}/send_chat_message.php`, request)
  return { status: response.status, headers: response.headers, body: await response.json() }
}

function streamOf(text: string): ReadableStream {
  return new Blob([text]).stream()
}

function expectRefusal(answer: HttpAnswer, status: number, label = ''): void {
  expect(answer.status, label).toBe(status)
  expect(answer.body).toEqual({ status: 'error', message: expect.any(String) })
  expect(answer.headers.get('Content-Type')).toBe('application/json; charset=utf-8')
}

/** Has shown no bug, and still does its work. */
async function expectWell(api: { program: { output: string }; url: string }): Promise<void> {
  await sendText(api.url, 1, 2, 'Still there?')
  expect(api.program.output).not.toMatch(/failed| error /)
}

/** JSON that is padded with white space. */
function jsonOfBytes(bytes: number): string {
  return JSON.stringify(DRAFT).padEnd(bytes)
}

/** A form with one padding parameter. */
function formOfBytes(bytes: number): string {
  return `${urlencoded(DRAFT)}&padding=`.padEnd(bytes, 'x')
}

async function start(settings: Environment = {}) {
  const folder = temporaryFolder()
  return { folder, ...(await startApi(folder, settings)) }
}

test('a body of a type that nobody documented is answered 415', async () => {
  const api = await start()
  const types = [
    'text/html',
    'application/xml',
    'application/octet-stream',
    'image/jpeg',
    'nonsense',
  ]

  for (const type of types) expectRefusal(await send(api.url, 'a=b', type), 415, type)
  expectRefusal(await send(api.url, 'a=b', 'multipart/mixed; boundary=x'), 415)
  await expectWell(api)
})

test('the type of a body may be written in any case and with parameters', async () => {
  const api = await start()
  const json = JSON.stringify(DRAFT)
  const form = String(urlencoded(DRAFT))
  const bodies: [string, string][] = [
    [json, 'application/json; charset=utf-8'],
    [json, 'Application/JSON;charset=UTF-8'],
    [json, 'text/plain;charset=UTF-8'],
    [`\ufeff${json}`, 'application/json'],
    [`  ${json}\r\n`, 'application/json'],
    [form, 'application/x-www-form-urlencoded; charset=UTF-8'],
    [form, 'APPLICATION/X-WWW-FORM-URLENCODED'],
  ]

  for (const [body, type] of bodies) {
    expect((await send(api.url, body, type)).status, type).toBe(200)
  }
})

test('a POST without a body is a form without parameters', async () => {
  const api = await start()

  for (const type of ['application/json', 'multipart/form-data', 'image/jpeg']) {
    const answer = await send(api.url, '', type)
    expectRefusal(answer, 400, type)
    expect(answer.body.message).toBe('sender_id is required')
  }
})

test('JSON that is none, or no object, is answered 400', async () => {
  const api = await start()
  const bodies = [
    '{',
    '{"sender_id":1,}',
    "{'sender_id':1}",
    'sender_id=1&receiver_id=2',
    'undefined',
    '[]',
    `[${JSON.stringify(DRAFT)}]`,
    'null',
    '1',
    '"sender_id"',
    'true',
    '[[[['.repeat(10_000),
    Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
    Buffer.from(JSON.stringify({ ...DRAFT, message: 'naïve' }), 'latin1'),
    Buffer.from(JSON.stringify(DRAFT), 'utf16le'),
  ]

  for (const body of bodies) {
    expectRefusal(await send(api.url, body, 'application/json'), 400, String(body).slice(0, 40))
  }
  await expectWell(api)
})

test('forms in broken encodings are refused or read as best can be, never failed on', async () => {
  const api = await start()
  const people = 'sender_id=1&receiver_id=2&message='
  const form = 'application/x-www-form-urlencoded'
  const bodies: [Body, string][] = [
    [Buffer.concat([Buffer.from(people), Buffer.from([0xff, 0xfe])]), form],
    [`${people}%ff%fe`, form],
    [`${people}%c3`, form],
    [`${people}%zz`, form],
    [`${people}100%`, form],
    [`${people}%e`, form],
    [`${people}%u0041`, form],
    [`${people}Hello`, `${form}; charset=nonsense`],
    [`${people}Hello`, `${form}; charset=utf-16le`],
    [`${people}Hello`, `${form}; charset`],
    ['&&&===&&&', form],
    [people.repeat(3), form],
    ['%00=%00&'.repeat(3), form],
  ]

  for (const [body, type] of bodies) {
    const { status } = await send(api.url, body, type)
    expect([200, 400], `${body} as ${type}`).toContain(status)
  }
  await expectWell(api)
})

test('malformed multipart is answered 400', async () => {
  const api = await start()
  const part = '--x\r\nContent-Disposition: form-data; name="sender_id"\r\n\r\n1\r\n'
  const file = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
  const type = 'multipart/form-data; boundary=x'
  const bodies: [string, string][] = [
    [part, 'multipart/form-data'],
    [part, 'multipart/form-data; boundary='],
    [part, 'multipart/form-data; boundary'],
    [part, type],
    [`${part}--x`, type],
    ['garbage', type],
    ['--x--', type],
    ['--x\r\n\r\n', type],
    ['--x\r\nContent-Disposition: form-data; name="a"\r\n', type],
    ['--x\r\n: : :\r\n\r\n1\r\n--x--\r\n', type],
    [`--x\r\n${'X-Header: x\r\n'.repeat(5_000)}\r\n1\r\n--x--\r\n`, type],
    ['--x\r\nContent-Disposition: attachment; name="sender_id"\r\n\r\n1\r\n--x--\r\n', type],
    ['--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n', type],
    [`${file}abc`, type],
    [`${part}${file}${JPEG.toString('latin1')}\r\n--x`, type],
    [part.replaceAll('\r\n', '\n'), type],
  ]

  for (const [body, contentType] of bodies) {
    const answer = await send(api.url, Buffer.from(body, 'latin1'), contentType)
    expectRefusal(answer, 400, body.slice(0, 80))
  }
  expect(readdirSync(join(api.folder, 'uploads', '.incoming'))).toEqual([])
  await expectWell(api)
})

test('parts in odd charsets are refused or read as best can be, never failed on', async () => {
  const api = await start()

  for (const charset of ['nonsense', 'utf-16le', 'latin1', 'base64', '']) {
    const type = `Content-Type: text/plain; charset=${charset}`
    const part = (name: string, value: string | number) =>
      `--x\r\nContent-Disposition: form-data; name="${name}"\r\n${type}\r\n\r\n${value}\r\n`
    const parts = Object.entries(DRAFT).map(([name, value]) => part(name, value))
    const body = Buffer.from(`${parts.join('')}--x--\r\n`, 'latin1')
    const { status } = await send(api.url, body, 'multipart/form-data; boundary=x')
    expect([200, 400], charset).toContain(status)
  }
  await expectWell(api)
})

test('a text body has room for the longest message and 8 KB, announced or not', async () => {
  const api = await start()
  const types: [string, (bytes: number) => string][] = [
    ['application/json', jsonOfBytes],
    ['application/x-www-form-urlencoded', formOfBytes],
  ]

  for (const [type, ofBytes] of types) {
    const at = ofBytes(TEXT_BODY_BYTES_MAX)
    const beyond = ofBytes(TEXT_BODY_BYTES_MAX + 1)
    expect(at).toHaveLength(TEXT_BODY_BYTES_MAX)
    expect(beyond).toHaveLength(TEXT_BODY_BYTES_MAX + 1)

    expect((await send(api.url, at, type)).status, type).toBe(200)
    expect((await send(api.url, streamOf(at), type)).status, type).toBe(200)
    expectRefusal(await send(api.url, beyond, type), 413, type)
    expectRefusal(await send(api.url, streamOf(beyond), type), 413, type)
  }
  await expectWell(api)
})

test('a text body has room for as long a message as can be set', async () => {
  const api = await start({ CHAT_MAX_MESSAGE_LENGTH: '100000' })
  const escaped = '\\ud83d\\ude00'.repeat(100_000)
  const json = (message: string) => `{"sender_id":1,"receiver_id":2,"message":"${message}"}`

  expect((await send(api.url, json(escaped), 'application/json')).status).toBe(200)
  expectRefusal(await send(api.url, json(`${escaped}x`), 'application/json'), 400)
  expectRefusal(await send(api.url, jsonOfBytes(1_208_193), 'application/json'), 413)
})

test('a form has at most 50 parameters', async () => {
  const api = await start()
  const url = `${api.url}/send_chat_message.php`
  const padded = (count: number) => {
    const names = Array.from({ length: count - Object.keys(DRAFT).length }, (_, i) => `p${i}`)
    return { ...Object.fromEntries(names.map((name) => [name, 'x'])), ...DRAFT }
  }

  for (const form of [urlencoded, multipart]) {
    expect((await post(url, form(padded(FIELDS_MAX)))).status, form.name).toBe(200)
    expectRefusal(await post(url, form(padded(FIELDS_MAX + 1))), 413, form.name)
  }
})

test("a parameter's name has at most 100 bytes", async () => {
  const api = await start()
  const url = `${api.url}/send_chat_message.php`

  for (const form of [urlencoded, multipart]) {
    const at = form({ ...DRAFT, ['x'.repeat(FIELD_NAME_BYTES_MAX)]: 1 })
    const beyond = form({ ...DRAFT, ['x'.repeat(FIELD_NAME_BYTES_MAX + 1)]: 1 })

    expect((await post(url, at)).status, form.name).toBe(200)
    expectRefusal(await post(url, beyond), 413, form.name)
  }
})

test('the fields of a multipart body have no more room for having a file beside them', async () => {
  const api = await start()
  const url = `${api.url}/send_chat_message.php`
  const fieldsOf = (bytes: number) => {
    const drafted = Object.values(DRAFT).join('').length
    return multipart({ ...DRAFT, padding: 'x'.repeat(bytes - drafted) })
  }

  expect((await post(url, fieldsOf(TEXT_BODY_BYTES_MAX))).status).toBe(200)
  const refusal = await post(url, fieldsOf(TEXT_BODY_BYTES_MAX + 1))
  expectRefusal(refusal, 413)
  expect(refusal.body.message).toContain(`${TEXT_BODY_BYTES_MAX} bytes`)
})

test('a request that is cut off half-way sends nothing and leaves nothing behind', async () => {
  const api = await start()
  const file = `--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n`
  const bodies: [string, string][] = [
    ['application/json', JSON.stringify(DRAFT)],
    ['application/x-www-form-urlencoded', String(urlencoded(DRAFT))],
    ['multipart/form-data; boundary=x', `${file}${'x'.repeat(200_000)}`],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disp'],
    ['text/html', '<html>'],
  ]
  const incoming = () => readdirSync(join(api.folder, 'uploads', '.incoming'))

  for (const [type, body] of bodies) {
    const socket = await openSocket(api.url)
    socket.write(
      `POST /send_chat_message.php HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n` +
        `Content-Length: ${body.length + 1}\r\n\r\n${body}`,
    )
    if (body.startsWith(file)) await waitFor(() => incoming().length === 1, 'the file to arrive')
    socket.destroy()
    await waitFor(() => incoming().length === 0, 'the file to be gone')
  }
  const listed = await post(`${api.url}/get_conversations.php`, { user_id: 1 })
  expect(listed.body.data.conversations).toEqual([])
  await expectWell(api)
})

test('what is no HTTP is answered 400 and harms nobody', async () => {
  const api = await start()
  const close = 'Connection: close\r\n'
  const post = `POST /send_chat_message.php HTTP/1.1\r\nHost: x\r\n${close}`
  const requests = [
    'HELLO\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    `${post}Content-Length: -1\r\n\r\n`,
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${post}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ]

  for (const request of requests) {
    expect((await exchange(api.url, request)).status, request).toBe(400)
  }
  await expectWell(api)
})
