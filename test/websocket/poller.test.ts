import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import type { PendingEvent } from '../../src/chat/model.ts'
import type { EventTail } from '../../src/chat/store.ts'
import { createLog } from '../../src/log.ts'
import { announceCommit, WalWatcher } from '../../src/sqlite/wal-watcher.ts'
import { Poller } from '../../src/websocket/poller.ts'
import { openChat } from '../support/open-chat.ts'
import { waitFor } from '../support/wait.ts'

/** A poller over a real database, and another program that writes to it. */
async function setUp(options: { intervalMs?: number; isWatched?: boolean } = {}) {
  const { chat, beside } = await openChat()
  const writer = new Sqlite(beside.name)
  const tail = chat.events.tail()
  const portions: PendingEvent[][] = []
  const lines: string[] = []
  const polledAt: number[] = []
  /** What was lost, and how many events were broadcast before. */
  const gaps: { isAffected: (userId: number) => boolean; broadcasted: number }[] = []
  const log = createLog('text', (line) => void lines.push(line))
  const state = { broadcast: async (events: PendingEvent[]) => void portions.push(events) }
  const poller = new Poller({
    broadcast: (events) => state.broadcast(events),
    onGap: (isAffected) => gaps.push({ isAffected, broadcasted: portions.flat().length }),
    log,
    intervalMs: options.intervalMs ?? 5,
    doorbell: options.isWatched ? new WalWatcher(beside.name, log) : undefined,
    onPolled: () => void polledAt.push(performance.now()),
  })
  onTestFinished(async () => {
    await poller.stop()
    writer.close()
  })
  const statement = writer.prepare(
    'INSERT INTO pending_events (event, user_id, data) VALUES (?, NULL, ?)',
  )
  const insert = (event: string) => statement.run(event, '{}')
  const broadcasted = () => portions.flat()
  return { poller, tail, writer, insert, portions, broadcasted, lines, state, polledAt, gaps }
}

test('events are broadcast in order, far beyond one batch, each once', async () => {
  const { poller, tail, writer, insert, broadcasted } = await setUp()
  writer.transaction(() => {
    for (let count = 0; count < 1_234; count += 1) insert(`event ${count}`)
  })()
  await poller.start(tail)
  insert('later')
  await waitFor(() => broadcasted().length === 1_235, 'all events')
  const ids = broadcasted().map((event) => event.eventId)
  expect(ids).toEqual(Array.from({ length: 1_235 }, (_, index) => index + 1))
})

test('a full batch is followed by another poll at once, a batch less one is the end', async () => {
  for (const count of [499, 500, 501, 1_000]) {
    const { poller, tail, writer, insert, broadcasted } = await setUp({ intervalMs: 60_000 })
    writer.transaction(() => {
      for (let id = 1; id <= count; id += 1) insert(`event ${id}`)
    })()
    await poller.start(tail)
    expect(broadcasted()).toHaveLength(count)
  }
})

test('large events are broadcast in portions, so that the sockets get to write in between', async () => {
  const { poller, tail, writer, portions } = await setUp({ intervalMs: 60_000 })
  const insert = writer.prepare("INSERT INTO pending_events (event, data) VALUES ('large', ?)")
  const data = JSON.stringify('x'.repeat(100_000))
  for (let count = 0; count < 30; count += 1) insert.run(data)
  await poller.start(tail)
  expect(portions.flat()).toHaveLength(30)
  expect(Math.max(...portions.map(({ length }) => length))).toBe(3)
})

test('events that could not be broadcast are read again', async () => {
  const { poller, tail, insert, broadcasted, lines, state } = await setUp()
  const { broadcast } = state
  state.broadcast = async () => {
    state.broadcast = broadcast
    throw new Error('no audience')
  }
  for (const event of ['one', 'two']) insert(event)
  await poller.start(tail)
  expect(broadcasted()).toEqual([])
  await waitFor(() => broadcasted().length === 2, 'the events')
  expect(broadcasted().map((event) => event.event)).toEqual(['one', 'two'])
  expect(lines[0]).toContain('Polling failed; trying again')
})

test('what the tail has lost is told once, before what follows is broadcast', async () => {
  const { poller, tail, insert, broadcasted, lines, gaps } = await setUp()
  insert('before')
  await poller.start(tail)
  expect([gaps, lines]).toEqual([[], []])

  const isAffected = (userId: number) => userId === 1
  const lost = [isAffected, undefined]
  const takeGap: EventTail['takeGap'] = () => lost.shift()
  Object.assign(tail, { takeGap })
  insert('after')
  await waitFor(() => broadcasted().length === 2, 'the event after the gap')
  insert('later')
  await waitFor(() => broadcasted().length === 3, 'another event')
  expect(gaps).toEqual([{ isAffected, broadcasted: 1 }])
  expect(lines).toEqual([expect.stringContaining('Events were lost before they were read')])
})

test('polling survives errors, says so once, and says when it works again', async () => {
  const { poller, tail, writer, insert, broadcasted, lines } = await setUp()
  await poller.start(tail)
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
  await waitFor(() => broadcasted().length === 1, 'the event')
  await waitFor(() => lines.length === 2, 'the recovery to be logged')
  expect(lines[0]).toContain('Polling failed; trying again')
  expect(lines[1]).toContain('Polling works again')
  expect(poller.pollAgeMs).toBeLessThan(failedFor)
})

test('a commit that is announced wakes it long before the tick', async () => {
  const { poller, tail, writer, insert, broadcasted } = await setUp({
    intervalMs: 60_000,
    isWatched: true,
  })
  await poller.start(tail)
  insert('woken')
  announceCommit(writer.name)
  await waitFor(() => broadcasted().length === 1, 'the event')
})

test('the tick is due intervalMs after a poll that the doorbell brought forward', async () => {
  const intervalMs = 1_000
  const { poller, tail, writer, insert, polledAt } = await setUp({ intervalMs, isWatched: true })
  await poller.start(tail)
  await waitFor(() => poller.pollAgeMs > 500, 'half of the interval to pass')
  insert('woken')
  announceCommit(writer.name)
  await waitFor(() => polledAt.length === 3, 'the poll, and a tick')
  const [, polled = 0, ticked = 0] = polledAt
  expect(ticked - polled).toBeGreaterThan(intervalMs - 50)
})

test('the tick goes on every intervalMs, whether or not there is a doorbell or an event', async () => {
  const { poller, tail, polledAt } = await setUp({ isWatched: true })
  await poller.start(tail)
  const since = performance.now()
  await waitFor(() => polledAt.length > 250, 'ticks of 5 ms')
  // A quarter of the beat is what two busy cores may cost.
  expect(performance.now() - since).toBeLessThan(4_000)
})

test('without the wake-up the tick does it alone', async () => {
  const { poller, tail, insert, broadcasted } = await setUp({ intervalMs: 20, isWatched: false })
  await poller.start(tail)
  insert('ticked')
  await waitFor(() => broadcasted().length === 1, 'the event')
})

test('stop among many pending events waits for the batch under way and leaves the rest', async () => {
  const { poller, writer, insert, broadcasted, tail, state } = await setUp()
  writer.transaction(() => {
    for (let count = 0; count < 1_200; count += 1) insert('e')
  })()
  const { broadcast } = state
  const stopping: Promise<void>[] = []
  state.broadcast = (events) => {
    stopping.push(poller.stop())
    return broadcast(events)
  }
  await poller.start(tail)
  await Promise.all(stopping)
  expect(stopping).toHaveLength(1)
  expect(broadcasted()).toHaveLength(500)
  expect(await tail.read(1_000)).toHaveLength(700)
})

test('after stop nothing is broadcast', async () => {
  const { poller, insert, broadcasted, tail } = await setUp({ isWatched: true })
  await poller.start(tail)
  await poller.stop()
  await poller.stop()
  insert('too late')
  expect(await tail.read(10)).toHaveLength(1)
  expect(broadcasted()).toEqual([])
})
