import fc from 'fast-check'
import { picture } from './media.ts'

/**
 * What an attacker might send to either door: mostly nearly right, since what is plainly wrong is
 * refused before anything interesting happens.
 */

const ENDPOINTS = [
  'send_chat_message.php',
  'get_conversations.php',
  'get_conversation_messages.php',
  'mark_as_read.php',
  'block_unblock_user.php',
  'get_chat_user_status.php',
  'chat_websocket_broadcast.php',
]
const OTHER_PATHS = [
  '',
  'health',
  'uploads/',
  'uploads/../chat.db',
  'uploads/%2e%2e/%2e%2e/etc/passwd',
  'uploads/.incoming/',
  'uploads/chat/images/%00.png',
  '%',
  '/',
  '..',
  'constructor',
]
const PARAMETERS = [
  ...['sender_id', 'receiver_id', 'from_user_id', 'to_user_id', 'user_id', 'other_user_id'],
  ...['conversation_id', 'message_id', 'before_message_id', 'blocked_user_id', 'limit', 'offset'],
  ...['message', 'duration', 'client_message_id', 'block', 'action', 'event', 'data', 'token'],
  ...['username', 'name', 'profile_url', 'last_message_id', 'is_typing'],
]
const ODD_NAMES = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', ''],
  ...['sender_id[]', 'user_id\0', 'SENDER_ID', 'ü', 'x'.repeat(101)],
]
const ODD_TEXTS = [
  ...['', '0', '-1', '-0', '1e3', ' 12 ', '0x10', '1.5', '٣', 'NaN', 'Infinity', 'null', 'true'],
  ...['9007199254740991', '9007199254740993', '9'.repeat(400), `1.${'0'.repeat(400)}`],
  ...['\0', '1\0', '\ud800', '\udfff\ud800', '\ufeff1', '\u202e', '😀', '__proto__', '{}', '[]'],
  ...['{"a":', '[[[[', "'; DROP TABLE messages; --", '<script>', '../../etc/passwd', '\r\nX: y'],
  ...['chat:typing', 'chat:read', 'chat:message', 'ping', 'block', 'unblock', 'x'.repeat(6_000)],
]
/** Objects that JavaScript trips over where it wants a text or a number. */
const ODD_VALUES: unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e21, [], {}, [1], ['1', '2'], { 0: 1 }],
  ...[{ toString: 1, valueOf: 1 }, { toString: null }, { toJSON: 1 }, { length: -1 }],
  ...[{ sender_id: { toString: null, valueOf: null } }, [{ toString: 1 }]],
]

const smallId = fc.integer({ min: 1, max: 5 }).map(String)
const text = fc.oneof(
  { weight: 4, arbitrary: smallId },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 100 }) },
)
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...PARAMETERS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
)
export const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 2, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_VALUES) },
  { weight: 1, arbitrary: fc.jsonValue() },
)
/** What every endpoint, and every client event, would be content with. */
const GOOD: [string, string][] = Object.entries({
  sender_id: '1',
  receiver_id: '2',
  message: 'Hello',
  user_id: '1',
  other_user_id: '2',
  blocked_user_id: '2',
  block: '0',
  event: 'x',
  data: '{}',
  is_typing: '1',
  message_id: '1',
})
/** That, with something odd in some places; or the odd things alone. */
function pairs<Value>(odd: fc.Arbitrary<Value>): fc.Arbitrary<[string, Value | string][]> {
  return fc
    .tuple(fc.constantFrom(GOOD, GOOD, GOOD, []), fc.array(fc.tuple(name, odd), { maxLength: 4 }))
    .map(([good, changes]) => {
      const changed = changes.map(([key]) => key)
      return [...good.filter(([key]) => !changed.includes(key)), ...changes]
    })
}
const texts = pairs(text)
const values = pairs(value)
export const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

const encode = (part: string) =>
  [...part].map((letter) => (/\w/.test(letter) ? letter : percent(letter))).join('')

function percent(letter: string): string {
  return [...Buffer.from(letter)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

const urlencoded = texts.map((all) =>
  all.map(([key, content]) => `${encode(key)}=${encode(content)}`).join('&'),
)
/** By hand: an object of JavaScript has no key twice, and no `__proto__`. */
export const jsonObject = values.map((all) => `{${all.map(jsonMember).join()}}`)

function jsonMember([key, content]: [string, unknown]): string {
  return `${JSON.stringify(key)}:${JSON.stringify(content) ?? 'null'}`
}

const depth = fc.constantFrom(1, 40, 1_001, 100_000)
const deepJson = fc
  .tuple(depth, fc.constantFrom('[', '{"a":'), name)
  .map(([levels, open, key]) => `{"event":"x",${JSON.stringify(key)}:${deep(open, levels)}}`)

export function deep(open: string, levels: number): string {
  const close = open === '[' ? ']' : '}'
  return `${open.repeat(levels)}${open === '[' ? '' : '1'}${close.repeat(levels)}`
}

const file = await picture().bytes()
const part = fc.record({
  name,
  filename: fc.option(fc.oneof(fc.constantFrom('a.png', '', '..', 'x\0.php'), text)),
  type: fc.constantFrom('', 'image/png', 'text/plain; charset=utf-16le', 'x/y; charset=nonsense'),
  content: fc.oneof(
    text.map((content) => Buffer.from(content)),
    fc.constant(Buffer.from(file)),
    bytes,
  ),
})
const BOUNDARY = 'boundary'
interface Part {
  name: string
  filename: string | null
  type: string
  content: Buffer
}
const multipart = fc
  .tuple(texts, fc.array(part, { maxLength: 2 }))
  .map(([all, parts]) => multipartBody([...all.map(textPart), ...parts]))

function textPart([key, content]: [string, string]): Part {
  return { name: key, filename: null, type: '', content: Buffer.from(content) }
}

function multipartBody(parts: Part[]): Buffer {
  return Buffer.concat([...parts.flatMap(partBytes), Buffer.from(`--${BOUNDARY}--\r\n`)])
}

function partBytes({ name: key, filename, type, content }: Part): Buffer[] {
  const head = [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="${key}"${filename === null ? '' : `; filename="${filename}"`}`,
    ...(type === '' ? [] : [`Content-Type: ${type}`]),
    '\r\n',
  ]
  return [Buffer.from(head.join('\r\n')), content, Buffer.from('\r\n')]
}

/** Damage: a piece cut out, doubled, or replaced by something else. */
export function mangled(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const cut = fc.double({ min: 0, max: 1, noNaN: true })
  return fc.tuple(whole, cut, cut, bytes, fc.boolean()).map(([all, a, b, other, isDoubled]) => {
    const [from = 0, to = 0] = [a, b].map((at) => Math.floor(at * all.length)).sort((x, y) => x - y)
    const middle = isDoubled ? all.subarray(from, to) : other
    return Buffer.concat([all.subarray(0, isDoubled ? to : from), middle, all.subarray(to)])
  })
}

function mostlyWhole(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.oneof({ weight: 3, arbitrary: whole }, { weight: 1, arbitrary: mangled(whole) })
}

const TYPES = {
  urlencoded: 'application/x-www-form-urlencoded',
  json: 'application/json',
  multipart: `multipart/form-data; boundary=${BOUNDARY}`,
}
const ODD_TYPES = [
  ...['', 'text/plain', 'application/json; charset=utf-16', 'image/png', 'multipart/form-data'],
  ...['multipart/form-data; boundary=', `multipart/form-data; boundary=${'x'.repeat(300)}`],
  ...['multipart/form-data; boundary="bound', 'application/x-www-form-urlencoded; charset=x', ';'],
]
const body = fc
  .oneof(
    fc.tuple(fc.constant(TYPES.urlencoded), mostlyWhole(urlencoded.map((all) => Buffer.from(all)))),
    fc.tuple(fc.constant(TYPES.json), mostlyWhole(jsonObject.map((all) => Buffer.from(all)))),
    fc.tuple(
      fc.constant(TYPES.json),
      deepJson.map((all) => Buffer.from(all)),
    ),
    fc.tuple(fc.constant(TYPES.multipart), mostlyWhole(multipart)),
    fc.tuple(fc.constantFrom(...Object.values(TYPES), ...ODD_TYPES), bytes),
  )
  .chain(([type, content]) =>
    fc.record({
      type: fc.oneof(
        { weight: 5, arbitrary: fc.constant(type) },
        { weight: 1, arbitrary: fc.constantFrom(...ODD_TYPES) },
      ),
      content: fc.constant(content),
    }),
  )

export const query = fc.oneof(
  { weight: 3, arbitrary: urlencoded },
  {
    weight: 1,
    arbitrary: fc.constantFrom('%', '%ff', '%00', '=', '&&&', '?', 'a[b]=c', '%c3%28=1'),
  },
  {
    weight: 1,
    arbitrary: fc.constant(Array.from({ length: 60 }, (_, at) => `a${at}=1`).join('&')),
  },
)
export const header = fc.constantFrom(
  ...['Origin: https://evil.example', 'Origin: null', 'X-Forwarded-For: 203.0.113.1', 'Via: x'],
  ...['Authorization: Bearer', 'Authorization: Bearer a.b.c', 'Cookie: PHPSESSID=\x7f'],
  ...['Expect: 100-continue', 'Expect: nothing', 'Range: bytes=5-1', 'If-None-Match: *'],
  ...['Content-Encoding: gzip', 'Connection: Upgrade', 'Upgrade: websocket', 'TE: x'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: x', 'Content-Length: 3', 'X: \x01'],
  ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x', 'Sec-WebSocket-Protocol: ,'],
  ...[`X-Long: ${'x'.repeat(20_000)}`, 'no colon', ': no name', 'Host: a', 'Host: b'],
)
/** What the head says of the body's length, which need not be true. */
const framing = fc.oneof(
  { weight: 6, arbitrary: fc.constant((content: Buffer) => framed(content, content.length)) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(-1, 1, 5)
      .map((difference) => (content: Buffer) => framed(content, content.length + difference)),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('-5', '1e3', '', '99999999999999999999', '5, 5')
      .map((length) => (content: Buffer) => framed(content, length)),
  },
  { weight: 1, arbitrary: fc.constant(chunked) },
  { weight: 1, arbitrary: fc.constant((content: Buffer) => Buffer.concat([CHUNKED, content])) },
)
const CHUNKED = Buffer.from('Transfer-Encoding: chunked\r\n\r\n')

function framed(content: Buffer, length: number | string): Buffer {
  return Buffer.concat([Buffer.from(`Content-Length: ${length}\r\n\r\n`), content])
}

function chunked(content: Buffer): Buffer {
  const size = content.length === 0 ? '' : `${content.length.toString(16)}\r\n`
  const end = content.length === 0 ? '0\r\n\r\n' : '\r\n0\r\n\r\n'
  return Buffer.concat([CHUNKED, Buffer.from(size), content, Buffer.from(end)])
}

const request = fc
  .record({
    method: fc.oneof(
      { weight: 6, arbitrary: fc.constant('POST') },
      { weight: 2, arbitrary: fc.constant('GET') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PUT', 'CONNECT', 'TRACE', 'post'),
      },
    ),
    path: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...ENDPOINTS) },
      { weight: 1, arbitrary: fc.constantFrom(...OTHER_PATHS) },
    ),
    query: fc.option(query, { freq: 2 }),
    headers: fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(header, { maxLength: 4 }) },
    ),
    body,
    framing,
  })
  .map((one) => {
    const target = `/${one.path}${one.query === null ? '' : `?${one.query}`}`
    const lines = [
      `${one.method} ${target} HTTP/1.1`,
      'Host: localhost',
      'Connection: close',
      `Content-Type: ${one.body.type}`,
      ...one.headers,
      '',
    ]
    return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), one.framing(one.body.content)])
  })

/** The bytes of a request, or of what is none. */
export const httpAttack: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 8, arbitrary: request },
  { weight: 1, arbitrary: mangled(request) },
  { weight: 1, arbitrary: bytes },
)
