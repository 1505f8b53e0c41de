import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { CLOSE, closeSocket } from '../../src/websocket/close-codes.ts'
import { Connection } from '../../src/websocket/connection.ts'
import { eventFrame } from '../../src/websocket/frame.ts'
import { Hub } from '../../src/websocket/hub.ts'
import { InboundLimits } from '../../src/websocket/inbound-limits.ts'
import { CONNECTED, openConnection, socketPair } from '../support/hub-socket.ts'
import { waitFor } from '../support/wait.ts'

test('nothing is sent before chat:connected, and what was held after the replay, in order', async () => {
  const { connection, received } = await openConnection()
  expect(connection.offer(null, eventFrame('event 1', '{}'))).toBe(false)
  connection.write(eventFrame('too early', '{}'))
  connection.sendConnected(CONNECTED)
  expect(connection.offer(null, eventFrame('event 2', '{}'))).toBe(false)
  await connection.writePaced(eventFrame('missed', '{}'))
  connection.goLive()
  expect(connection.offer(null, eventFrame('event 3', '{}'))).toBe(true)
  await waitFor(() => received.length === 4, 'four frames')
  expect(received).toEqual(['chat:connected', 'missed', 'event 1', 'event 2'])
})

test('messages that were replayed are dropped, held or late; other events are not', async () => {
  const { connection, received } = await openConnection()
  connection.sendConnected(CONNECTED)
  connection.offer(1, eventFrame('message 1', '{}'))
  connection.offer(null, eventFrame('chat:read', '{}'))
  connection.goLive(3)
  expect(connection.offer(3, eventFrame('message 3', '{}'))).toBe(false)
  expect(connection.offer(4, eventFrame('message 4', '{}'))).toBe(true)
  await waitFor(() => received.length === 2, 'the events')
  expect(received).toEqual(['chat:connected', 'chat:read'])
})

test('a peer that answers pings stays, one that answers none is cut at the second', async () => {
  const hub = new Hub()
  const alive = await openConnection({ hub })
  const dead = await openConnection({ hub, autoPong: false })
  const inbound = new InboundLimits()
  for (const { connection, server, stream } of [alive, dead]) {
    inbound.attach(connection, server, stream)
    connection.sendConnected(CONNECTED)
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

  connection.sendConnected(Buffer.alloc(limits.unreadBytes.max))
  expect(connection.bufferedBytes).toBe(limits.unreadBytes.max)
  expect(connection.isOpen).toBe(true)
  connection.write(Buffer.alloc(1))
  expect(connection.isOpen).toBe(false)

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer.code])
})

test('a peer that stops reading is received so with 4408 once it reads again', async () => {
  const { connection, client, received, closed } = await openConnection()
  connection.sendConnected(CONNECTED)
  connection.goLive()
  await waitFor(() => received.length === 1, 'the greeting')
  client.pause()
  const data = JSON.stringify({ pad: 'x'.repeat(100_000) })
  let sent = 0
  while (connection.isOpen) {
    connection.write(eventFrame(`event ${++sent}`, data))
    await new Promise(setImmediate)
  }
  connection.write(eventFrame('too late', '{}'))
  client.resume()

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer])
  const all = Array.from({ length: sent }, (_, index) => `event ${index + 1}`)
  expect(received).toEqual(['chat:connected', ...all])
})

test('limits.waitingEvents.max events may wait while a socket recovers; one more closes it', async () => {
  const { connection, closed, received } = await openConnection()
  connection.sendConnected(CONNECTED)
  const event = eventFrame('event', '{}')
  for (let held = 0; held < limits.waitingEvents.max; held += 1) connection.offer(null, event)
  expect(connection.isOpen).toBe(true)
  connection.offer(null, event)
  connection.goLive()

  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([CLOSE.slowConsumer])
  expect(received).toEqual(['chat:connected'])
})

test('a reason that is too long for a close frame is cut, the code arrives all the same', async () => {
  const { server, closed } = await openConnection()
  closeSocket(server, { code: 4400, reason: `${'x'.repeat(122)}é and more` })
  await waitFor(() => closed.length > 0, 'the close')
  expect(closed).toEqual([{ code: 4400, reason: 'x'.repeat(122) }])
})

test('a peer that does not answer a close is cut', async () => {
  const { server, client, hub } = await openConnection()
  client.pause()
  closeSocket(server, CLOSE.stopping)
  await waitFor(() => hub.connectionCount === 0, 'the cut')
  expect(server.readyState).toBe(server.CLOSED)
})
