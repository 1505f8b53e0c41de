import type { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { Audit } from '../../src/auth/audit.ts'
import type { PendingEvent } from '../../src/chat/model.ts'
import { DISCONNECT_EVENT } from '../../src/chat/rules.ts'
import type { Config } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import { Metrics } from '../../src/metrics.ts'
import { Broadcaster } from '../../src/websocket/broadcaster.ts'
import { CLOSE } from '../../src/websocket/close-codes.ts'
import { DaemonMetrics } from '../../src/websocket/daemon-metrics.ts'
import { Hub } from '../../src/websocket/hub.ts'
import { SINGLE_FRAMES_MAX } from '../../src/websocket/outgoing.ts'
import { Undelivered } from '../../src/websocket/undelivered.ts'
import { CONNECTED, openConnection, openLiveConnection } from '../support/hub-socket.ts'
import { insertUsers, openChat } from '../support/open-chat.ts'
import { waitFor } from '../support/wait.ts'

/** A broadcaster over a real chat of users 1 to 9, and an empty hub. */
async function setUp({ presence = 'all' as Config['presence'] } = {}) {
  const { chat, beside } = await openChat()
  insertUsers(beside, 9)
  const hub = new Hub()
  const undelivered = new Undelivered()
  const log = createLog('text', () => {})
  const metrics = new DaemonMetrics(new Metrics(), () => 0)
  const audit = new Audit(log)
  const broadcaster = new Broadcaster({ chat, hub, undelivered, metrics, audit, presence })
  return { chat, hub, undelivered, metrics, broadcaster }
}

let lastEventId = 0

function eventFor(userId: number | null, event: string, more: Partial<PendingEvent> = {}) {
  lastEventId += 1
  const row = { eventId: lastEventId, event, userId, messageId: null, subjectUserId: null }
  return { ...row, data: '{}', ...more }
}

/** Everybody is to know that this user came or went. */
function statusOf(subjectUserId: number): PendingEvent {
  return eventFor(null, `status of ${subjectUserId}`, { subjectUserId })
}

/** How often is written to a stream from now on. */
function countWrites(stream: Duplex): { writes: number } {
  const counter = { writes: 0 }
  const write = stream.write.bind(stream)
  stream.write = ((...parameters: Parameters<typeof write>) => {
    counter.writes += 1
    return write(...parameters)
  }) as typeof stream.write
  return counter
}

test('a poll reaches each socket of a user, or all, in the order of its events, in one write', async () => {
  const { hub, broadcaster } = await setUp()
  const phone = await openLiveConnection(hub, 1)
  const laptop = await openLiveConnection(hub, 1)
  const other = await openLiveConnection(hub, 2)
  const counters = [phone, laptop, other].map(({ stream }) => countWrites(stream))

  await broadcaster.broadcast([
    eventFor(1, 'first'),
    eventFor(null, 'second'),
    eventFor(2, 'third'),
    eventFor(1, 'fourth'),
    eventFor(null, 'fifth'),
    eventFor(3, 'for no socket'),
  ])

  for (const { received } of [phone, laptop]) {
    await waitFor(() => received.length === 5, 'the events')
    expect(received).toEqual(['chat:connected', 'first', 'second', 'fourth', 'fifth'])
  }
  await waitFor(() => other.received.length === 4, 'the events')
  expect(other.received).toEqual(['chat:connected', 'second', 'third', 'fifth'])
  expect(counters.map(({ writes }) => writes)).toEqual([1, 1, 1])
})

test('SINGLE_FRAMES_MAX frames of single sockets leave in one turn; one more waits for the next', async () => {
  const { hub, broadcaster } = await setUp()
  const { received, stream } = await openLiveConnection(hub, 1)
  const events = Array.from({ length: SINGLE_FRAMES_MAX + 1 }, (_, index) =>
    eventFor(1, `event ${index}`),
  )
  const counter = countWrites(stream)
  await broadcaster.broadcast(events.slice(0, SINGLE_FRAMES_MAX))
  expect(counter.writes).toBe(1)
  await broadcaster.broadcast(events)
  expect(counter.writes).toBe(3)
  await waitFor(() => received.length === 1 + SINGLE_FRAMES_MAX + events.length, 'all events')
  const names = events.map(({ event }) => event)
  expect(received.slice(1)).toEqual([...names.slice(0, -1), ...names])
})

test('an event counts as delivered when it reached a socket; what did not is kept', async () => {
  const { hub, broadcaster, metrics, undelivered } = await setUp()
  const early = eventFor(null, 'before anybody came')
  await broadcaster.broadcast([early])
  await openLiveConnection(hub, 1)
  const missed = eventFor(2, 'missed')
  await broadcaster.broadcast([eventFor(1, 'a'), missed, eventFor(null, 'b')])
  expect(metrics.deliveredCount).toBe(2)
  expect([...undelivered.kept]).toEqual([early.eventId, missed.eventId])
})

test('a status is not sent to its own user nor past a block; everybody else gets all', async () => {
  const { chat, hub, broadcaster } = await setUp()
  await chat.blocks.block(1, 2, true)
  const sockets = await Promise.all([1, 2, 3].map((userId) => openLiveConnection(hub, userId)))

  await broadcaster.broadcast([statusOf(1), statusOf(2), statusOf(3), eventFor(null, 'end')])

  const expected = [['status of 3'], ['status of 3'], ['status of 1', 'status of 2']]
  for (const [index, { received }] of sockets.entries()) {
    await waitFor(() => received.includes('end'), 'the end')
    expect(received.slice(1)).toEqual([...(expected[index] as string[]), 'end'])
  }
})

test('with presence off nobody is sent a status that another daemon has announced', async () => {
  const { hub, broadcaster } = await setUp({ presence: 'off' })
  const { received } = await openLiveConnection(hub, 2)
  await broadcaster.broadcast([statusOf(1), eventFor(null, 'end')])
  await waitFor(() => received.includes('end'), 'the end')
  expect(received.slice(1)).toEqual(['end'])
})

test('for contacts only, a status goes to those who share a conversation and no block', async () => {
  const { chat, hub, broadcaster } = await setUp({ presence: 'contacts' })
  for (const receiverId of [2, 3]) {
    await chat.messages.post({ senderId: 1, receiverId, message: 'Hello' })
  }
  await chat.blocks.block(3, 1, true)
  const sockets = await Promise.all([1, 2, 3, 4].map((userId) => openLiveConnection(hub, userId)))

  await broadcaster.broadcast([statusOf(1), eventFor(null, 'end')])

  for (const [index, { received }] of sockets.entries()) {
    await waitFor(() => received.includes('end'), 'the end')
    expect(received.includes('status of 1')).toBe(index === 1)
  }
})

test('a socket that recovers is sent everything afterwards, in order, but what was replayed', async () => {
  const { hub, broadcaster } = await setUp()
  const { connection, received } = await openConnection({ hub })
  connection.sendConnected(CONNECTED)
  const message = (messageId: number) => eventFor(1, `message ${messageId}`, { messageId })
  await broadcaster.broadcast([message(4), eventFor(null, 'to all'), message(5), eventFor(1, 'x')])
  hub.goLive(connection, 4)
  await broadcaster.broadcast([message(3), message(6), eventFor(1, 'end')])

  await waitFor(() => received.includes('end'), 'the end')
  expect(received).toEqual(['chat:connected', 'to all', 'message 5', 'x', 'message 6', 'end'])
})

test('a user is signed out in turn: what came before is sent, what comes after is not', async () => {
  const { hub, broadcaster } = await setUp()
  const live = await openLiveConnection(hub, 1)
  const recovering = await openConnection({ hub, userId: 1 })
  recovering.connection.sendConnected(CONNECTED)
  const other = await openLiveConnection(hub, 2)

  await broadcaster.broadcast([
    eventFor(null, 'before'),
    eventFor(1, DISCONNECT_EVENT),
    eventFor(null, 'after'),
  ])
  hub.goLive(recovering.connection, 0)

  for (const { received, closed } of [live, recovering]) {
    await waitFor(() => closed.length === 1, 'the close')
    expect(received).toEqual(['chat:connected', 'before'])
    expect(closed).toEqual([CLOSE.signedOut])
  }
  await waitFor(() => other.received.length === 3, 'the other user’s events')
  expect(other.received).toEqual(['chat:connected', 'before', 'after'])
})
