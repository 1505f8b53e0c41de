import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { limits } from '../../src/limits/limits.ts'
import type { Frame } from '../support/clients.ts'
import { urlencoded } from '../support/forms.ts'
import { whyNoMariadb } from '../support/mariadb.ts'
import { waitFor } from '../support/wait.ts'
import { startChatPeer } from './peers/chat.ts'
import { startFloor } from './peers/floor.ts'
import type { Peer, StartPeer } from './peers/peer.ts'
import { startPhp } from './peers/php.ts'
import { whyNoPhp } from './peers/php-programs.ts'
import { startSharedChat } from './peers/shared-chat.ts'
import { startSocketIo } from './peers/socket-io.ts'

const ANNA = 11
const BILAL = 22
const CAROL = 33

const PEERS: [name: Peer['name'], start: StartPeer, reasonAgainst?: string | undefined][] = [
  ['chat', startChatPeer],
  ['chat on MariaDB', startSharedChat, whyNoMariadb()],
  ['floor', startFloor],
  ['socket.io', startSocketIo],
  ['php', startPhp, whyNoPhp()],
]

describe.each(PEERS)('the peer %s', (_name, start, reasonAgainst) => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-peer-'))
  let peer: Peer

  beforeAll(async () => {
    if (reasonAgainst === undefined) peer = await start(folder)
  })
  beforeEach(({ skip }) => {
    if (reasonAgainst !== undefined) skip(reasonAgainst)
  })
  afterAll(async () => {
    await peer?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('greets a socket as documented', async () => {
    const anna = await connect(peer, ANNA)

    expect(anna.frames).toEqual([
      {
        event: 'chat:connected',
        data: {
          user_id: ANNA,
          message: 'Successfully connected to chat server',
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
          connected_users: 1,
        },
      },
    ])
  })

  test('answers a send as documented and tells exactly its receiver', async () => {
    const [phone, laptop] = [await connect(peer, BILAL), await connect(peer, BILAL)]
    const [anna, carol] = [await connect(peer, ANNA), await connect(peer, CAROL)]
    const text = 'Hello, "Bilal" \\ مرحبا 😀'
    const send = { sender_id: ANNA, receiver_id: BILAL, message: text }

    const { status, body } = await post(`${peer.apiUrl}/send_chat_message.php`, send)

    const message = {
      ...send,
      message_id: expect.any(Number),
      message_type: 'text',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    }
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'success', message: 'Message sent successfully' })
    expect(body.data).toMatchObject(message)
    const sender = { user_id: ANNA, username: '', name: 'User 11', profile_url: '' }
    await tellAll(peer, [phone, laptop, anna, carol])
    for (const socket of [phone, laptop]) {
      expect(socket.all('chat:message')).toEqual([expect.objectContaining({ ...message, sender })])
      expect(socket.all('chat:message')[0].message_id).toBe(body.data.message_id)
    }
    for (const socket of [anna, carol]) expect(socket.all('chat:message')).toEqual([])
  })

  test('keeps the order of a sender', async () => {
    const bilal = await connect(peer, BILAL)
    const texts = Array.from({ length: 50 }, (_, index) => `Number ${index}`)

    for (const text of texts) await sendText(peer, text)

    await tellAll(peer, [bilal])
    expect(bilal.all('chat:message').map(({ message }) => message)).toEqual(texts)
  })

  test('takes a long message', async () => {
    const bilal = await connect(peer, BILAL)
    const text = 'é'.repeat(5000)

    await sendText(peer, text)

    await tellAll(peer, [bilal])
    expect(bilal.all('chat:message')[0].message).toBe(text)
  })

  test('takes a send in a urlencoded body', async () => {
    const bilal = await connect(peer, BILAL)
    const send = urlencoded({ sender_id: ANNA, receiver_id: BILAL, message: 'a=1 & b+2 é' })

    const { status, body } = await post(`${peer.apiUrl}/send_chat_message.php`, send)

    expect(status).toBe(200)
    expect(body.data).toMatchObject({ sender_id: ANNA, message: 'a=1 & b+2 é' })
    await tellAll(peer, [bilal])
    expect(bilal.all('chat:message')).toMatchObject([{ message: 'a=1 & b+2 é' }])
  })

  test.each([
    ['no sender', { sender_id: undefined }],
    ['sender 0', { sender_id: 0 }],
    ['a sender by name', { sender_id: 'anna' }],
    ['a negative receiver', { receiver_id: -1 }],
    ['half a receiver', { receiver_id: 1.5 }],
    ['true for a receiver', { receiver_id: true }],
    ['no text', { message: undefined }],
    ['an empty text', { message: '' }],
    ['a blank text', { message: ' \n' }],
    ['a text that is too long', { message: 'x'.repeat(5001) }],
  ])('refuses a send with %s', async (_what, mistake) => {
    const bad = { sender_id: ANNA, receiver_id: BILAL, message: 'Hello', ...mistake }
    const bilal = await connect(peer, BILAL)

    const { status, body } = await post(`${peer.apiUrl}/send_chat_message.php`, bad)

    expect(status).toBe(400)
    expect(body).toEqual({ status: 'error', message: expect.any(String) })
    await tellAll(peer, [bilal])
    expect(bilal.all('chat:message')).toEqual([])
  })

  test('broadcasts an event to one user', async () => {
    const [anna, bilal] = [await connect(peer, ANNA), await connect(peer, BILAL)]
    const data = { text: 'For Anna', none: {}, list: [] }

    await broadcast(peer, { event: 'shop:news', data, user_id: ANNA })

    await tellAll(peer, [anna, bilal])
    expect(anna.all('shop:news')).toEqual([data])
    expect(bilal.all('shop:news')).toEqual([])
  })

  test('broadcasts the largest event, whose frame counts its bytes in 64 bits', async () => {
    const anna = await connect(peer, ANNA)
    const data = { text: 'x'.repeat(limits.eventDataBytes.max - '{"text":""}'.length) }

    await broadcast(peer, { event: 'shop:news', data })

    await tellAll(peer, [anna])
    expect(anna.all('shop:news')).toEqual([data])
  })

  test('names the processes that do the work', async () => {
    expect(peer.pids.length).toBeGreaterThan(0)
    for (const pid of peer.pids) expect(process.kill(pid, 0)).toBe(true)
  })
})

/** A client's socket that keeps the frames it got, whatever they were wrapped in. */
class PeerSocket {
  readonly frames: Frame[] = []
  readonly #socket: WebSocket

  constructor(peer: Peer, userId: number) {
    const url = new URL(peer.socketUrls[userId % peer.socketUrls.length] as string)
    url.searchParams.set('user_id', String(userId))
    this.#socket = new WebSocket(url)
    const read = peer.protocol === 'plain' ? this.#readFrame : this.#readPacket
    this.#socket.on('message', (data) => read.call(this, String(data)))
    onTestFinished(() => this.#socket.terminate())
  }

  /** The data of all frames of one event, so far. */
  all(event: string): Frame['data'][] {
    return this.frames.filter((frame) => frame.event === event).map(({ data }) => data)
  }

  #readFrame(text: string): void {
    this.frames.push(JSON.parse(text))
  }

  /** Socket.IO's protocol, version 5: 0 its hello, 2 a ping, 42 an event as [name, data]. */
  #readPacket(packet: string): void {
    if (packet.startsWith('0')) this.#socket.send('40')
    if (packet === '2') this.#socket.send('3')
    if (!packet.startsWith('42')) return
    const [event, data] = JSON.parse(packet.slice(2))
    this.frames.push({ event, data })
  }

  async whenTold(event: string): Promise<void> {
    await waitFor(() => this.all(event).length > 0, event)
  }
}

async function connect(peer: Peer, userId: number): Promise<PeerSocket> {
  const socket = new PeerSocket(peer, userId)
  await socket.whenTold('chat:connected')
  return socket
}

/** A peer answers as far as the bench needs it: openapi.json describes this chat alone. */
async function post(url: string, body: object) {
  const isForm = body instanceof URLSearchParams
  const response = await fetch(url, {
    method: 'POST',
    body: isForm ? body : JSON.stringify(body),
    headers: isForm ? {} : { 'Content-Type': 'application/json' },
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it got
  return { status: response.status, body: (await response.json()) as any }
}

async function sendText(peer: Peer, message: string): Promise<void> {
  const send = { sender_id: ANNA, receiver_id: BILAL, message }
  expect((await post(`${peer.apiUrl}/send_chat_message.php`, send)).status).toBe(200)
}

async function broadcast(peer: Peer, event: object): Promise<void> {
  const { status, body } = await post(`${peer.apiUrl}/chat_websocket_broadcast.php`, event)
  expect(body.status).toBe('success')
  expect(status).toBe(200)
}

/** Tells everybody something, and waits until they know: whatever came before has arrived too. */
async function tellAll(peer: Peer, sockets: PeerSocket[]): Promise<void> {
  await broadcast(peer, { event: 'shop:closing', data: { at: '20:00' } })
  for (const socket of sockets) await socket.whenTold('shop:closing')
}
