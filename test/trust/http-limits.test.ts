import { readdirSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { claimsOf, JWT_SECRET, signedWithSecret } from '../support/auth.ts'
import { get, type HttpAnswer, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import {
  BODY_END,
  body,
  fields,
  partStart,
  postMultipart,
  StreamingUpload,
} from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { jpeg, wavOf } from '../support/media.ts'
import { openSocket } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'

const JWT = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }
const bearer = (userId: number) => `Bearer ${signedWithSecret(claimsOf(userId))}`
const image = (content = jpeg()) => ({ name: 'image', content, filename: 'a.jpg' })

/** What has come over a socket, as it grows. */
function received(socket: Socket): { text: string } {
  const all = { text: '' }
  socket.on('data', (chunk) => {
    all.text += chunk.toString('latin1')
  })
  return all
}

test('a second request that does not wait for the first answer cuts the connection', async () => {
  const { url } = await startApi(temporaryFolder())
  const socket = await openSocket(url)
  const seen = received(socket)
  const ask = 'GET /get_conversations.php?user_id=1 HTTP/1.1\r\nHost: x\r\n\r\n'

  socket.write(ask)
  await waitFor(() => seen.text.includes('200 OK'), 'the first answer')
  socket.write(ask)
  await waitFor(() => seen.text.split('200 OK').length === 3, 'one after the other')
  socket.write(ask + ask)

  await waitFor(() => socket.closed, 'the connection to be cut')
})

test('a request to upgrade that does not wait for an answer cuts the connection', async () => {
  const { url } = await startApi(temporaryFolder())
  const socket = await openSocket(url)
  const ask = 'GET /build/chat.js HTTP/1.1\r\nHost: x\r\n'
  socket.write(`${ask}\r\n${ask}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  await waitFor(() => socket.closed, 'the connection to be cut')
})

test('one that waits for 100 Continue is asked for the body only when it may send it', async () => {
  const { url } = await startApi(temporaryFolder(), JWT)
  const body = JSON.stringify({ sender_id: 1, receiver_id: 2, message: 'Hello' })
  const ask = (authorization: string) => {
    const headers = { authorization, expect: '100-continue', 'content-length': body.length }
    const asked = request(`${url}/send_chat_message.php`, { method: 'POST', headers })
    const outcome = { isAsked: false, status: 0 }
    asked.on('continue', () => {
      outcome.isAsked = true
      asked.end(body)
    })
    asked.on('error', () => {})
    asked.on('response', (response: IncomingMessage) => {
      outcome.status = response.statusCode ?? 0
      response.resume()
      asked.destroy()
    })
    return outcome
  }

  const stranger = ask('Bearer guessed')
  const user = ask(bearer(1))

  await waitFor(() => stranger.status !== 0 && user.status !== 0, 'both answers')
  expect(stranger).toEqual({ isAsked: false, status: 401 })
  expect(user).toEqual({ isAsked: true, status: 200 })
})

test.for(['GET', 'HEAD'])('a body of a %s is not read, and ends the connection', async (method) => {
  const { url } = await startApi(temporaryFolder())
  const socket = await openSocket(url)
  const seen = received(socket)
  socket.write(`${method} /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{"half`)
  await waitFor(() => socket.closed, 'the connection to close')
  expect(seen.text).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n/)
})

test('a file is taken by no other address than the one that sends messages', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  const parts = [...fields({ event: 'x', data: '{}', user_id: 1, other_user_id: 2 }), image()]
  for (const path of ['chat_websocket_broadcast', 'get_conversations', 'mark_as_read']) {
    const answer = await postMultipart(`${url}/${path}.php`, ...parts)
    expect(answer).toMatchObject({ status: 400, body: { message: 'No file is taken here' } })
  }
  expect(readdirSync(join(folder, 'uploads/.incoming'))).toEqual([])
})

/** Starts files of these senders that stop arriving half-way; resolves when all are on the disk. */
async function startFiles(folder: string, url: string, senders: number[]) {
  const incoming = () => readdirSync(join(folder, 'uploads/.incoming')).length
  const before = incoming()
  const uploads = await Promise.all(
    senders.map(async (sender) => {
      const upload = await StreamingUpload.start(`${url}/send_chat_message.php`)
      const people = body(...fields({ sender_id: sender, receiver_id: 999 }))
      await upload.write(people.subarray(0, -BODY_END.length))
      await upload.write(Buffer.concat([partStart({ ...image(), name: 'voice' }), wavOf(100_000)]))
      return upload
    }),
  )
  await waitFor(() => incoming() === before + senders.length, 'the files to arrive')
  return uploads
}

test('as many files of a user come in at once as the table says, and not one more', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  const { max, refusal } = limits.uploadsAtOnce
  const users = await startFiles(
    folder,
    url,
    Array.from({ length: max }, () => 1),
  )
  const endpoint = `${url}/send_chat_message.php`
  const send = (sender: number) =>
    postMultipart(endpoint, ...fields({ sender_id: sender, receiver_id: 2 }), image())

  const refused = await send(1)

  expect(refused).toMatchObject({ status: 429, body: { message: refusal } })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await send(3)).status).toBe(200)
  expect((await users[0]?.finish())?.status).toBe(200)
  expect((await send(1)).status).toBe(200)
})

test('as many files of an address come in at once as the table says, and not one more', async () => {
  const folder = temporaryFolder()
  const { url } = await startApi(folder)
  const { max, refusal } = limits.uploadsAtOncePerAddress
  const senders = Array.from({ length: max }, (_, index) => index + 10)
  const uploads = await startFiles(folder, url, senders)
  const people = fields({ sender_id: 1, receiver_id: 2 })

  const refused = await postMultipart(`${url}/send_chat_message.php`, ...people, image())

  expect(refused).toMatchObject({ status: 429, body: { message: refusal } })
  for (const upload of uploads) upload.abort()
  const isEmpty = () => readdirSync(join(folder, 'uploads/.incoming')).length === 0
  await waitFor(isEmpty, 'the files to be gone')
  const again = await postMultipart(`${url}/send_chat_message.php`, ...people, image())
  expect(again.status).toBe(200)
})

test('a user may send so many bytes of files in a day', async () => {
  const folder = temporaryFolder()
  const bytes = jpeg().length
  const settings = { CHAT_UPLOAD_BYTES_PER_DAY: String(2 * bytes) }
  const { url } = await startApi(folder, settings)
  const send = (sender: number) =>
    postMultipart(
      `${url}/send_chat_message.php`,
      ...fields({ sender_id: sender, receiver_id: 2 }),
      image(),
    )
  expect((await send(1)).status).toBe(200)
  expect((await send(1)).status).toBe(200)

  const refused = await send(1)

  expect(refused).toMatchObject({ status: 429, body: { message: limits.uploadBytes.refusal } })
  expect((await send(3)).status).toBe(200)
  expect(readdirSync(join(folder, 'uploads/chat/images'))).toHaveLength(3)
})

const READS: [string, (url: string, userId: number) => Promise<HttpAnswer>][] = [
  ['get_conversations.php', (url, userId) => get(`${url}?user_id=${userId}`)],
  [
    'get_conversation_messages.php',
    (url, userId) => get(`${url}?user_id=${userId}&other_user_id=9`),
  ],
  ['mark_as_read.php', (url, userId) => post(url, { user_id: userId, other_user_id: 9 })],
  ['get_chat_user_status.php', (url, userId) => post(url, { user_id: userId, blocked_user_id: 9 })],
]

test.for(READS)('a user may ask %s so often in a minute', async ([path, ask]) => {
  const { url } = await startApi(temporaryFolder(), { CHAT_REQUEST_RATE_LIMIT: '3' })
  const statuses = []
  for (let count = 0; count < 3; count += 1) {
    statuses.push((await ask(`${url}/${path}`, 1)).status)
  }
  expect(statuses).toEqual([200, 200, 200])

  const refused = await ask(`${url}/${path}`, 1)

  expect(refused).toMatchObject({ status: 429, body: { message: limits.requests.refusal } })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await ask(`${url}/${path}`, 2)).status).toBe(200)
})

test('a user may block and unblock 30 times a minute', async () => {
  const { url } = await startApi(temporaryFolder())
  await sendText(url, 1, 2, 'Hello')
  const set = (block: 0 | 1) =>
    post(`${url}/block_unblock_user.php`, { user_id: 1, blocked_user_id: 2, block })
  for (let count = 0; count < limits.blocks.max; count += 1) {
    expect((await set(count % 2 === 0 ? 1 : 0)).status).toBe(200)
  }

  const refused = await set(1)

  expect(refused).toMatchObject({ status: 429, body: { message: limits.blocks.refusal } })
})

test('a long answer is counted until it is read, and given back when its reader leaves', async () => {
  const settings = { CHAT_MAX_MESSAGE_LENGTH: '100000' }
  const { url } = await startApi(temporaryFolder(), settings)
  for (let count = 0; count < 25; count += 1) await sendText(url, 1, 2, '😀'.repeat(100_000))
  const page = '/get_conversation_messages.php?user_id=1&other_user_id=2&limit=25'
  // Each is 10 MB, of which the system takes some: one of them leaves room, and a second does not.
  const ask = async () => {
    const socket = await openSocket(url)
    socket.pause()
    socket.write(`GET ${page} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await waitFor(() => socket.bytesRead > 60_000, 'the beginning of an answer')
    return socket
  }
  const sockets = [await ask(), await ask()]
  const isBusy = async () => (await get(url + page)).status === 429
  await waitFor(isBusy, 'the memory of this address to be used up')

  const refused = await get(url + page)

  expect(refused.body.message).toBe(limits.bytesUnderWayPerAddress.refusal)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  for (const socket of sockets) socket.destroy()
  const isFree = async () => (await get(url + page)).status === 200
  await waitFor(isFree, 'the memory to be given back')
})

test('bodies under way are counted per address, and given back when they are there', async () => {
  const settings = { CHAT_MAX_MESSAGE_LENGTH: '100000' }
  const { url } = await startApi(temporaryFolder(), settings)
  const bytes = 1_206_000
  const count = Math.floor(limits.bytesUnderWayPerAddress.max / bytes)
  const head = `POST /send_chat_message.php HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes + 1}\r\n\r\n`
  const draft = JSON.stringify({ sender_id: 1, receiver_id: 2, message: 'x' }).padEnd(bytes + 1)
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(url)))
  for (const socket of sockets) socket.write(head + draft.slice(0, bytes))
  const send = () => post(`${url}/send_chat_message.php`, JSON.parse(draft))
  const sendLong = () =>
    fetch(`${url}/send_chat_message.php`, { method: 'POST', body: draft.padEnd(1_208_000) })
  const isBusy = async () => (await sendLong()).status === 429
  await waitFor(isBusy, 'the memory of this address to be used up')

  expect((await send()).status).toBe(200)
  for (const socket of sockets) socket.write(' ')

  const isFree = async () => (await sendLong()).status === 200
  await waitFor(isFree, 'the memory to be given back')
})

test('the end of a multipart body is read by whoever was refused its file', async () => {
  const { url } = await startApi(temporaryFolder(), { CHAT_UPLOAD_RATE_LIMIT: '1' })
  const endpoint = `${url}/send_chat_message.php`
  const people = fields({ sender_id: 1, receiver_id: 2 })
  expect((await postMultipart(endpoint, ...people, image())).status).toBe(200)
  const upload = await StreamingUpload.start(endpoint)
  await upload.write(body(...people).subarray(0, -BODY_END.length))
  await upload.write(Buffer.concat([partStart(image()), jpeg(), Buffer.alloc(500_000)]))
  expect((await upload.finish()).status).toBe(429)
})
