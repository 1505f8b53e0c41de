import { expect, test } from 'vitest'
import { connect, type HttpAnswer, post, TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { urlencoded } from '../support/forms.ts'
import { startApi, startChat } from '../support/in-process.ts'

const ANNA = 11
const BILAL = 22
const SECRET = 'a secret of the shop, and a long one'
const NEWS = { event: 'shop:news', data: { text: 'Hello' } }
/** What a proxy on the same machine adds to what it passes on. */
const FORWARDED = { 'X-Forwarded-For': '203.0.113.7' }

function broadcast(
  apiUrl: string,
  body: object | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return post(`${apiUrl}/chat_websocket_broadcast.php`, body, headers)
}

/** An object whose JSON has this many bytes. */
function dataOfBytes(bytes: number): object {
  return { text: 'x'.repeat(bytes - '{"text":""}'.length) }
}

/** An object of objects, `levels` deep in all. */
function nested(levels: number): object {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
}

test('an event for one user reaches each of their sockets, as it was given, and nobody else', async () => {
  const { api, daemon } = await startChat()
  const phone = await connect(daemon.url, ANNA)
  const laptop = await connect(daemon.url, ANNA)
  const stranger = await connect(daemon.url, BILAL)
  const data = { text: 'مرحبا 😀 \u2028 "quoted"', list: [1, 2.5, null, { deep: true }], '': '' }

  const { status, body } = await broadcast(api.url, { event: 'shop:news', user_id: ANNA, data })

  expect(status).toBe(200)
  expect(body).toEqual({
    status: 'success',
    message: expect.any(String),
    data: { event_id: expect.any(Number), event: 'shop:news', user_id: ANNA },
  })
  expect(await phone.event('shop:news')).toEqual(data)
  expect(await laptop.event('shop:news')).toEqual(data)
  await stranger.settled()
  expect(stranger.all('shop:news')).toEqual([])
})

test('an event for nobody in particular reaches everybody', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)
  const bilal = await connect(daemon.url, BILAL)

  const { body } = await broadcast(api.url, NEWS)

  expect(body.data.user_id).toBe(null)
  expect(await anna.event('shop:news')).toEqual(NEWS.data)
  expect(await bilal.event('shop:news')).toEqual(NEWS.data)
})

test('a form carries data as the text of a JSON object, and names the user as a send does', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)
  const form = { event: 'shop:news', data: JSON.stringify(NEWS.data) }

  for (const name of ['user_id', 'receiver_id', 'to_user_id']) {
    const { status } = await broadcast(api.url, urlencoded({ ...form, [name]: ANNA }))
    expect(status, name).toBe(200)
  }
  const contradiction = await broadcast(api.url, { ...NEWS, user_id: ANNA, receiver_id: BILAL })

  expect(await anna.event('shop:news', 3)).toEqual(NEWS.data)
  expect(contradiction.status).toBe(400)
})

test('events arrive in the order in which they were accepted', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)
  const numbers = Array.from({ length: 50 }, (_, index) => index)

  for (const number of numbers) {
    await broadcast(api.url, { event: 'shop:news', user_id: ANNA, data: { number } })
  }

  await anna.event('shop:news', numbers.length)
  expect(anna.all('shop:news')).toEqual(numbers.map((number) => ({ number })))
})

test('an event without a usable name or data is refused with a reason', async () => {
  const api = await startApi(temporaryFolder())
  const { data } = NEWS
  const wrong: [object, string][] = [
    [{ data }, 'event'],
    [{ event: '', data }, 'event'],
    [{ event: null, data }, 'event'],
    [{ event: ['shop:news'], data }, 'event'],
    [{ event: { name: 'shop:news' }, data }, 'event'],
    [{ event: 'a\0b', data }, 'event'],
    [{ event: '\ud800', data }, 'event'],
    [{ event: 'x'.repeat(65), data }, 'event'],
    [{ event: 'shop:news' }, 'data'],
    [{ event: 'shop:news', data: null }, 'data'],
    [{ event: 'shop:news', data: '' }, 'data'],
    [{ event: 'shop:news', data: 'Hello' }, 'data'],
    [{ event: 'shop:news', data: '"Hello"' }, 'data'],
    [{ event: 'shop:news', data: '{"text":' }, 'data'],
    [{ event: 'shop:news', data: '[]' }, 'data'],
    [{ event: 'shop:news', data: 'null' }, 'data'],
    [{ event: 'shop:news', data: [] }, 'data'],
    [{ event: 'shop:news', data: [{}] }, 'data'],
    [{ event: 'shop:news', data: 42 }, 'data'],
    [{ event: 'shop:news', data: true }, 'data'],
  ]

  for (const [body, name] of wrong) {
    const answer = await broadcast(api.url, body)

    expect(answer.status, JSON.stringify(body)).toBe(400)
    expect(answer.body).toEqual({ status: 'error', message: expect.stringContaining(name) })
  }
  expect(api.program.output).not.toContain('failed')
})

test('the name of an event has at most 64 characters', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)
  const longest = 'x'.repeat(64)

  expect((await broadcast(api.url, { ...NEWS, event: longest })).status).toBe(200)
  expect((await broadcast(api.url, { ...NEWS, event: `${longest}x` })).status).toBe(400)
  expect(await anna.event(longest)).toEqual(NEWS.data)
})

test('the data of an event has at most 65,536 bytes of JSON', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)

  const at = await broadcast(api.url, { event: 'shop:news', data: dataOfBytes(65_536) })
  const beyond = await broadcast(api.url, { event: 'shop:news', data: dataOfBytes(65_537) })

  expect(at.status).toBe(200)
  expect(await anna.event('shop:news')).toEqual(dataOfBytes(65_536))
  expect(beyond.status).toBe(413)
  expect(beyond.body).toEqual({ status: 'error', message: expect.stringContaining('data') })
})

test('data is at most 1,000 levels deep', async () => {
  const { api, daemon } = await startChat()
  const anna = await connect(daemon.url, ANNA)
  const bottomless = `{"event":"shop:news","data":{"a":${'['.repeat(90_000)}${']'.repeat(90_000)}}}`

  const at = await broadcast(api.url, { event: 'shop:news', data: nested(1000) })
  const beyond = await broadcast(api.url, { event: 'shop:news', data: nested(1001) })
  const farBeyond = await fetch(`${api.url}/chat_websocket_broadcast.php`, {
    method: 'POST',
    body: bottomless,
  })

  expect(at.status).toBe(200)
  expect(await anna.event('shop:news')).toEqual(nested(1000))
  expect(beyond.status).toBe(400)
  expect(beyond.body).toEqual({ status: 'error', message: expect.stringContaining('data') })
  expect(farBeyond.status).toBe(400)
})

test('a typing event is passed on whatever its data says of the sender', async () => {
  const { api, daemon } = await startChat()
  const anna = new TestSocket(`${daemon.url}/?user_id=${ANNA}`, { takesAnything: true })
  await anna.event('chat:connected')
  const senders: unknown[] = [
    BILAL,
    String(BILAL),
    null,
    'nobody',
    {},
    { toString: 1, valueOf: 1 },
    [[7]],
    1e300,
  ]

  for (const [index, sender_id] of senders.entries()) {
    const data = { sender_id, is_typing: true }
    const { status } = await broadcast(api.url, { event: 'chat:typing', user_id: ANNA, data })

    expect(status, JSON.stringify(data)).toBe(200)
    expect(await anna.event('chat:typing', index + 1)).toEqual(data)
  }
})

test('what a proxy forwards is refused without the secret, and nothing is sent', async () => {
  const { api, daemon } = await startChat({ CHAT_BROADCAST_SECRET: SECRET })
  const anna = await connect(daemon.url, ANNA)
  const refused: Record<string, string>[] = [
    FORWARDED,
    { 'X-Forwarded-For': '127.0.0.1' },
    { Forwarded: 'for=127.0.0.1' },
    { ...FORWARDED, Authorization: 'Bearer wrong' },
    { ...FORWARDED, Authorization: `Bearer ${SECRET} x` },
    { ...FORWARDED, Authorization: `Bearer ${SECRET.slice(0, -1)}` },
    { ...FORWARDED, Authorization: 'Bearer' },
    { ...FORWARDED, Authorization: `Basic ${SECRET}` },
    { ...FORWARDED, Authorization: SECRET },
  ]

  for (const headers of refused) {
    const { status, body } = await broadcast(api.url, NEWS, headers)
    expect(status, JSON.stringify(headers)).toBe(403)
    expect(body).toEqual({ status: 'error', message: expect.any(String) })
    expect(JSON.stringify(body)).not.toContain(SECRET)
  }
  await anna.settled()
  expect(anna.all('shop:news')).toEqual([])
})

test('what a proxy forwards with the right secret is sent', async () => {
  const { api, daemon } = await startChat({ CHAT_BROADCAST_SECRET: SECRET })
  const anna = await connect(daemon.url, ANNA)

  for (const scheme of ['Bearer', 'bearer']) {
    const headers = { ...FORWARDED, Authorization: `${scheme} ${SECRET}` }
    expect((await broadcast(api.url, NEWS, headers)).status).toBe(200)
  }

  await anna.event('shop:news', 2)
})

test('without a secret set no forwarded request is let in, whatever it offers', async () => {
  const api = await startApi(temporaryFolder())

  for (const authorization of ['Bearer ', 'Bearer undefined', 'Bearer null', 'Bearer  ']) {
    const headers = { ...FORWARDED, Authorization: authorization }
    expect((await broadcast(api.url, NEWS, headers)).status, authorization).toBe(403)
  }
})

test('without a secret set a program on the same machine needs none, nor the right one', async () => {
  const api = await startApi(temporaryFolder())

  expect((await broadcast(api.url, NEWS)).status).toBe(200)
  expect((await broadcast(api.url, NEWS, { Authorization: 'Bearer wrong' })).status).toBe(200)
})
