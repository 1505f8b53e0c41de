import { expect, onTestFinished, test } from 'vitest'
import type { PendingEvent } from '../../src/chat/model.ts'
import { createLog } from '../../src/log.ts'
import { WalWatcher } from '../../src/sqlite/wal-watcher.ts'
import { Poller } from '../../src/websocket/poller.ts'
import { openChat } from '../support/open-chat.ts'
import { waitFor } from '../support/wait.ts'

/** A poller over a real database, and another program that writes to it. */
async function setUp(options: { intervalMs?: number; isWatched?: boolean } = {}) {
  const { chat, database, beside: writer } = await openChat()
  const tail = chat.events.tail()
  const delivered: PendingEvent[] = []
  const lines: string[] = []
  const polledAt: number[] = []
  const log = createLog('text', (line) => void lines.push(line))
  const state = { deliver: (event: PendingEvent) => void delivered.push(event) }
  const poller = new Poller({
    tail,
    deliver: (event) => state.deliver(event),
    log,
    intervalMs: options.intervalMs ?? 5,
    doorbell: options.isWatched ? new WalWatcher(database.path, log) : undefined,
    onPolled: () => void polledAt.push(performance.now()),
  })
  onTestFinished(() => poller.stop())
  const statement = writer.prepare(
    'INSERT INTO pending_events (event, user_id, data) VALUES (?, NULL, ?)',
  )
  const insert = (event: string) => statement.run(event, '{}')
  return { poller, tail, writer, insert, delivered, lines, state, polledAt }
}

test('events are handed on in order, far beyond one batch, each once', async () => {
  const { poller, tail, writer, insert, delivered } = await setUp()
  writer.transaction(() => {
    for (let count = 0; count < 1_234; count += 1) insert(`event ${count}`)
  })()
  await poller.start()
  insert('later')
  await waitFor(() => delivered.length === 1_235, 'all events')
  const ids = delivered.map((event) => event.eventId)
  expect(ids).toEqual(Array.from({ length: 1_235 }, (_, index) => index + 1))
  expect(tail.position).toBe(1_235)
})

test('a full batch is followed by another poll at once, a batch less one is the end', async () => {
  for (const count of [499, 500, 501, 1_000]) {
    const { poller, writer, insert, delivered } = await setUp({ intervalMs: 60_000 })
    writer.transaction(() => {
      for (let id = 1; id <= count; id += 1) insert(`event ${id}`)
    })()
    await poller.start()
    expect(delivered).toHaveLength(count)
  }
})

test('large events are handed on in pieces, so that the sockets get to write in between', async () => {
  const { poller, writer, delivered, state } = await setUp({ intervalMs: 60_000 })
  const insert = writer.prepare("INSERT INTO pending_events (event, data) VALUES ('large', ?)")
  const data = JSON.stringify('x'.repeat(100_000))
  for (let count = 0; count < 30; count += 1) insert.run(data)
  const deliver = state.deliver
  let inOneGo = 0
  let inOneGoMost = 0
  state.deliver = (event) => {
    if (inOneGo === 0) setImmediate(() => (inOneGo = 0))
    inOneGo += 1
    inOneGoMost = Math.max(inOneGo, inOneGoMost)
    deliver(event)
  }
  await poller.start()
  expect(delivered).toHaveLength(30)
  expect(inOneGoMost).toBe(3)
})

test('an event that cannot be delivered is logged and passed over', async () => {
  const { poller, insert, delivered, lines, state } = await setUp()
  const deliver = state.deliver
  state.deliver = (event) => {
    if (event.event === 'poison') throw new Error('poisoned')
    deliver(event)
  }
  for (const event of ['before', 'poison', 'after']) insert(event)
  await poller.start()
  expect(delivered.map((event) => event.event)).toEqual(['before', 'after'])
  expect(lines.join('')).toContain('Event 2 could not be delivered; skipped')
})

test('polling survives errors, says so once, and says when it works again', async () => {
  const { poller, tail, writer, insert, delivered, lines } = await setUp()
  await poller.start()
  let polls = 0
  const read = tail.read.bind(tail)
  tail.read = (limit) => {
    polls += 1
    return read(limit)
  }
  writer.exec('ALTER TABLE pending_events RENAME TO elsewhere')
  await waitFor(() => lines.length > 0, 'an error to be logged')
  polls = 0
  await waitFor(() => polls > 3, 'more polls to fail')
  const failedFor = poller.pollAgeMs
  writer.exec('ALTER TABLE elsewhere RENAME TO pending_events')
  insert('after the trouble')
  await waitFor(() => delivered.length === 1, 'the event')
  await waitFor(() => lines.length === 2, 'the recovery to be logged')
  expect(lines[0]).toContain('Polling failed; trying again')
  expect(lines[1]).toContain('Polling works again')
  expect(poller.pollAgeMs).toBeLessThan(failedFor)
})

test('a change of the WAL wakes it long before the tick', async () => {
  const { poller, insert, delivered } = await setUp({ intervalMs: 60_000, isWatched: true })
  await poller.start()
  insert('woken')
  await waitFor(() => delivered.length === 1, 'the event')
})

test('the tick goes on every intervalMs, whether or not there is a doorbell or an event', async () => {
  const { poller, polledAt } = await setUp({ isWatched: true })
  await poller.start()
  const since = performance.now()
  await waitFor(() => polledAt.length > 250, 'ticks of 5 ms')
  // A quarter of the beat is what two busy cores may cost.
  expect(performance.now() - since).toBeLessThan(4_000)
})

test('without the wake-up the tick does it alone', async () => {
  const { poller, insert, delivered } = await setUp({ intervalMs: 20, isWatched: false })
  await poller.start()
  insert('ticked')
  await waitFor(() => delivered.length === 1, 'the event')
})

test('stop in the middle of a backlog waits for the batch under way and leaves the rest', async () => {
  const { poller, tail, writer, insert, delivered, state } = await setUp()
  writer.transaction(() => {
    for (let count = 0; count < 1_200; count += 1) insert('e')
  })()
  const deliver = state.deliver
  const stopping: Promise<void>[] = []
  state.deliver = (event) => {
    if (event.eventId === 2) stopping.push(poller.stop())
    deliver(event)
  }
  await poller.start()
  await Promise.all(stopping)
  expect(stopping).toHaveLength(1)
  expect(delivered).toHaveLength(500)
  expect(tail.position).toBe(500)
  expect(await tail.read(1_000)).toHaveLength(700)
})

test('after stop nothing is handed on', async () => {
  const { poller, tail, insert, delivered } = await setUp({ isWatched: true })
  await poller.start()
  await poller.stop()
  await poller.stop()
  insert('too late')
  expect(await tail.read(10)).toHaveLength(1)
  expect(delivered).toEqual([])
})
