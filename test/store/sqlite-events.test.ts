import { expect, test } from 'vitest'
import type { QueuedEvent } from '../../src/chat/model.ts'
import { openSqlite } from './open-sqlite.ts'
import { names, queue, range, readAll } from './opened-store.ts'

const NONE = new Set<number>()

test('events are deleted once they are acknowledged, but for those that are kept', async () => {
  const { api, daemon } = await openSqlite()
  const tail = daemon.events.tail()
  await queue(api, 'first', 'second', 'third', 'fourth')
  const [first, second, third] = (await tail.read(10)) as [QueuedEvent, QueuedEvent, QueuedEvent]
  const pending = async () => names(await api.events.tail().read(10))

  expect(await tail.deleteRead(NONE)).toBe(false)
  expect(await pending()).toEqual(['first', 'second', 'third', 'fourth'])
  tail.acknowledge(first)
  tail.acknowledge(second)
  expect(await tail.deleteRead(new Set([first.eventId]))).toBe(false)
  expect(await pending()).toEqual(['first', 'third', 'fourth'])
  tail.acknowledge(third)
  expect(await tail.deleteRead(NONE)).toBe(false)
  expect(await pending()).toEqual(['fourth'])
  expect(names(await tail.read(10))).toEqual(['fourth'])
})

test('a tail is at its end when nobody has committed since it was asked and then read', async () => {
  const { api, daemon } = await openSqlite()
  const tail = daemon.events.tail()
  expect(await readAll(tail)).toEqual([])
  expect(tail.isAtEnd()).toBe(false)
  expect(await readAll(tail)).toEqual([])
  expect(tail.isAtEnd()).toBe(true)

  for (const writer of [api, daemon]) {
    await queue(writer, 'read unasked')
    expect(await readAll(tail)).toHaveLength(1)
    expect(tail.isAtEnd()).toBe(false)
    await queue(writer, 'after the question')
    expect(await readAll(tail)).toHaveLength(1)
    await queue(writer, 'after the read')
    expect(tail.isAtEnd()).toBe(false)
    expect(await readAll(tail)).toHaveLength(1)
    expect(tail.isAtEnd()).toBe(true)
  }
})

test('more than can be deleted at once is deleted in several goes', async () => {
  const { api, daemon } = await openSqlite()
  const tail = daemon.events.tail()
  await queue(api, ...range(4_100).map(String))
  await readAll(tail, 1_000)
  let goes = 1
  while (await tail.deleteRead(NONE)) goes += 1
  expect(goes).toBeGreaterThan(1)
  expect(await api.events.tail().read(1)).toEqual([])
})

test('an event that has been delivered waits until it is deleted', async () => {
  let ms = Date.now()
  const { api, daemon } = await openSqlite({ now: () => new Date(ms) })
  const tail = daemon.events.tail()
  await queue(api, 'first')
  ms += 90_000
  await readAll(tail)
  expect(await api.events.waitedSeconds()).toBeGreaterThan(0)
  await tail.deleteRead(NONE)
  expect(await api.events.waitedSeconds()).toBe(0)
})
