import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import type { ClientOptions } from 'ws'
import type { PendingEvent } from '../../src/chat/model.ts'
import { limits } from '../../src/limits.ts'
import { CLOSE, Connection, closeSocket } from '../../src/websocket/connection.ts'
import { eventFrame } from '../../src/websocket/frame.ts'
import { Hub } from '../../src/websocket/hub.ts'
import { InboundLimits } from '../../src/websocket/inbound-limits.ts'
import { socketPair } from '../support/socket-pair.ts'
import { waitFor } from '../support/wait.ts'

const HELLO = eventFrame('chat:connected', '{}')

/** A connection of the hub, its client's end, and what that end has been told. */
async function setUp(options: ClientOptions & { hub?: Hub; userId?: number } = {}) {
  const { hub = new Hub(), userId = 1 } = options
  const { server, stream, client } = await socketPair(options)
  const told: string[] = []
  const closed: { code: number; reason: string }[] = []
  client.on('message', (data) => told.push(JSON.parse(String(data)).event))
  client.on('close', (code, reason) => closed.push({ code, reason: String(reason) }))
  const connection = new Connection(server, stream, userId, '127.0.0.1')
  hub.add(connection)
  server.on('close', () => hub.remove(connection))
  return { hub, connection, server, stream, client, told, closed }
}

function eventOf(eventId: number, event = `event ${eventId}`): PendingEvent {
  return { eventId, event, userId: 1, data: '{}', messageId: null, subjectUserId: null }
}

/** Events are numbered otherwise than the messages that they bring. */
function messageOf(messageId: number): PendingEvent {
  return { ...eventOf(1_000 + messageId, 'chat:message'), messageId }
}

test('nothing is told before chat:connected, and what came meanwhile after it, in order', async () => {
  const { hub, connection, told } = await setUp()
  hub.deliver(eventOf(1))
  connection.send(eventFrame('chat:user_status', '{}'))
  connection.greet(HELLO)
  hub.deliver(eventOf(2))
  await connection.sendPaced(eventFrame('missed', '{}'))
  connection.goLive()
  hub.deliver(eventOf(3))
  await waitFor(() => told.length === 5, 'five frames')
  expect(told).toEqual(['chat:connected', 'missed', 'event 1', 'event 2', 'event 3'])
})

test('messages that were replayed are not told again, waiting or late; other events are', async () => {
  const { hub, connection, told } = await setUp()
  connection.greet(HELLO)
  hub.deliver(messageOf(1))
  hub.deliver(eventOf(2, 'chat:read'))
  connection.goLive(3)
  hub.deliver(messageOf(3))
  hub.deliver(eventOf(4, 'live'))
  hub.deliver(messageOf(4))
  hub.deliver(eventOf(5, 'the end'))
  await waitFor(() => told.includes('the end'), 'the end')
  expect(told).toEqual(['chat:connected', 'chat:read', 'live', 'chat:message', 'the end'])
})

test('a chat:message of another program, which names no message, is never taken for a repetition', async () => {
  const { hub, connection, told } = await setUp()
  connection.greet(HELLO)
  hub.deliver(eventOf(1, 'chat:message'))
  connection.goLive(3)
  hub.deliver(eventOf(2, 'the end'))
  await waitFor(() => told.includes('the end'), 'the end')
  expect(told).toEqual(['chat:connected', 'chat:message', 'the end'])
})

test('an event that a socket has caused itself is told to its user’s others only', async () => {
  const hub = new Hub()
  const [phone, laptop] = [await setUp({ hub }), await setUp({ hub })]
  for (const { connection } of [phone, laptop]) {
    connection.greet(HELLO)
    connection.goLive()
  }
  phone.connection.skip(7)
  for (const event of [eventOf(7), eventOf(8)]) hub.deliver(event)
  for (const { told } of [phone, laptop]) await waitFor(() => told.includes('event 8'), 'event 8')
  expect(phone.told).toEqual(['chat:connected', 'event 8'])
  expect(laptop.told).toEqual(['chat:connected', 'event 7', 'event 8'])
})

test('a peer that answers pings stays, one that answers none is cut at the second', async () => {
  const hub = new Hub()
  const alive = await setUp({ hub })
  const dead = await setUp({ hub, autoPong: false })
  const inbound = new InboundLimits()
  for (const { connection, server, stream } of [alive, dead]) {
    inbound.watch(connection, server, stream)
    connection.greet(HELLO)
  }
  let pongs = 0
  let pings = 0
  alive.server.on('pong', () => {
    pongs += 1
  })
  dead.client.on('ping', () => {
    pings += 1
  })

  hub.checkAlive()
  await waitFor(() => pongs === 1 && pings === 1, 'both to be pinged')
  expect(hub.connectionCount).toBe(2)
  hub.checkAlive()
  await waitFor(() => dead.closed.length > 0 && hub.connectionCount === 1, 'the cut')
  await waitFor(() => pongs === 2, 'the second pong')
  hub.checkAlive()
  await waitFor(() => pongs === 3, 'the third pong')

  expect(dead.closed).toEqual([{ code: 1006, reason: '' }])
  expect([...hub.all()]).toEqual([alive.connection])
})

/** A stream that takes nothing, so that every byte stays in the buffer. */
function stuckStream(): Duplex {
  return new Duplex({ read: () => {}, write: () => {}, writableHighWaterMark: 1 })
}

test('a socket may owe its reader limits.unreadBytes.max; one byte more closes it with 4408', async () => {
  const { server, client } = await socketPair()
  const closed: number[] = []
  client.on('close', (code) => closed.push(code))
  const connection = new Connection(server, stuckStream(), 1, '')

  connection.greet(Buffer.alloc(limits.unreadBytes.max))
  expect(connection.bufferedBytes).toBe(limits.unreadBytes.max)
  expect(connection.isOpen).toBe(true)
  connection.send(Buffer.alloc(1))
  expect(connection.isOpen).toBe(false)

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer.code])
})

test('a peer that stops reading is told so with 4408 once it reads again', async () => {
  const { hub, connection, client, told, closed } = await setUp()
  connection.greet(HELLO)
  connection.goLive()
  await waitFor(() => told.length === 1, 'the greeting')
  client.pause()
  const data = JSON.stringify({ pad: 'x'.repeat(100_000) })
  let sent = 0
  while (connection.isOpen) {
    hub.deliver({ ...eventOf(++sent), data })
    await new Promise(setImmediate)
  }
  hub.deliver(eventOf(0, 'too late'))
  client.resume()

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer])
  const all = Array.from({ length: sent }, (_, index) => `event ${index + 1}`)
  expect(told).toEqual(['chat:connected', ...all])
})

test('limits.waitingEvents.max events may wait while a socket catches up; one more closes it', async () => {
  const { hub, connection, closed, told } = await setUp()
  connection.greet(HELLO)
  for (let id = 1; id <= limits.waitingEvents.max; id += 1) hub.deliver(eventOf(id))
  expect(connection.isOpen).toBe(true)
  hub.deliver(eventOf(limits.waitingEvents.max + 1))
  connection.goLive()

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer])
  expect(told).toEqual(['chat:connected'])
})

test('a reason that is too long for a close frame is cut, the code arrives all the same', async () => {
  const { server, closed } = await setUp()
  closeSocket(server, { code: 4400, reason: `${'x'.repeat(122)}é and more` })
  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([{ code: 4400, reason: 'x'.repeat(122) }])
})

test('a peer that does not answer a close is cut', async () => {
  const { server, client, hub } = await setUp()
  client.pause()
  closeSocket(server, CLOSE.stopping)
  await waitFor(() => hub.connectionCount === 0, 'the cut')
  expect(server.readyState).toBe(server.CLOSED)
})

test('the hub hands an event to each socket of its user, or to all, and says whether to any', async () => {
  const hub = new Hub()
  const ada = await setUp({ hub, userId: 1 })
  const bob = await setUp({ hub, userId: 2 })
  for (const { connection } of [ada, bob]) {
    connection.greet(HELLO)
    connection.goLive()
  }
  expect(hub.deliver({ ...eventOf(1), userId: 2 })).toBe(true)
  expect(hub.deliver({ ...eventOf(2), userId: 3 })).toBe(false)
  expect(hub.deliver({ ...eventOf(3), userId: null })).toBe(true)
  await waitFor(() => ada.told.length === 2 && bob.told.length === 3, 'the events')
  expect(ada.told).toEqual(['chat:connected', 'event 3'])
  expect(bob.told).toEqual(['chat:connected', 'event 1', 'event 3'])
  expect(new Hub().deliver({ ...eventOf(4), userId: null })).toBe(false)
})
