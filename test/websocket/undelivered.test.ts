import { expect, test } from 'vitest'
import type { PendingEvent } from '../../src/chat/model.ts'
import {
  UNDELIVERED_CHARACTERS_MAX,
  UNDELIVERED_EVENTS_MAX,
  Undelivered,
} from '../../src/websocket/undelivered.ts'

function eventFor(
  userId: number | null,
  eventId: number,
  event = 'chat:message',
  data = '{}',
): PendingEvent {
  return { eventId, event, userId, messageId: null, subjectUserId: null, data }
}

const idsFor = (undelivered: Undelivered, userId: number) =>
  undelivered.for(userId).map(({ eventId }) => eventId)

test('a user gets their own events and everybody’s, oldest first, on each socket', () => {
  const undelivered = new Undelivered()
  for (const [index, userId] of [1, null, 2, 1].entries()) {
    undelivered.add(eventFor(userId, index + 1), false)
  }
  expect(idsFor(undelivered, 1)).toEqual([1, 2, 4])
  expect(idsFor(undelivered, 1)).toEqual([1, 2, 4])
  expect(idsFor(undelivered, 3)).toEqual([2])
})

test('typing and status are not kept', () => {
  const undelivered = new Undelivered()
  undelivered.add(eventFor(1, 1, 'chat:typing'), false)
  undelivered.add(eventFor(1, 2, 'chat:user_status'), false)
  undelivered.add(eventFor(1, 3, 'chat:read'), false)
  expect([...undelivered.kept]).toEqual([3])
  expect(idsFor(undelivered, 1)).toEqual([3])
})

test('an event that reached no socket stays in the table until it does, or the time is over', () => {
  const undelivered = new Undelivered()
  undelivered.add(eventFor(1, 1), false)
  undelivered.add(eventFor(2, 2), true)
  undelivered.add(eventFor(2, 3), false)
  undelivered.add(eventFor(null, 4), false)
  expect([...undelivered.kept]).toEqual([1, 3, 4])
  undelivered.for(2)
  expect([...undelivered.kept]).toEqual([1])
  undelivered.close()
  expect([...undelivered.kept]).toEqual([])
})

test('a user whose last socket has closed is away: nothing old, nothing new, nothing kept', () => {
  const undelivered = new Undelivered()
  undelivered.add(eventFor(1, 1), true)
  undelivered.drop(1)
  undelivered.add(eventFor(1, 2), false)
  expect(idsFor(undelivered, 1)).toEqual([])
  expect([...undelivered.kept]).toEqual([])
})

test('once closed it keeps nothing', () => {
  const undelivered = new Undelivered()
  undelivered.add(eventFor(1, 1), false)
  undelivered.close()
  undelivered.add(eventFor(1, 2), false)
  expect(idsFor(undelivered, 1)).toEqual([])
  expect([...undelivered.kept]).toEqual([])
})

test('UNDELIVERED_EVENTS_MAX events are kept; one more drops the oldest', () => {
  const undelivered = new Undelivered()
  undelivered.add(eventFor(2, 1), false)
  undelivered.add(eventFor(1, 2), false)
  for (let id = 3; id <= UNDELIVERED_EVENTS_MAX; id += 1) undelivered.add(eventFor(3, id), false)
  expect(idsFor(undelivered, 2)).toEqual([1])
  expect(idsFor(undelivered, 1)).toEqual([2])
  expect(undelivered.kept.size).toBe(UNDELIVERED_EVENTS_MAX - 2)

  undelivered.add(eventFor(3, UNDELIVERED_EVENTS_MAX + 1), false)
  expect(idsFor(undelivered, 2)).toEqual([])
  expect(idsFor(undelivered, 1)).toEqual([2])
})

test('UNDELIVERED_CHARACTERS_MAX characters are kept; one more drops the oldest', () => {
  const undelivered = new Undelivered()
  undelivered.add(sized(1, 10), false)
  undelivered.add(sized(2, UNDELIVERED_CHARACTERS_MAX - 10), false)
  expect([...undelivered.kept]).toEqual([1, 2])

  undelivered.add(sized(3, 1), false)

  expect([...undelivered.kept]).toEqual([2, 3])
  expect(idsFor(undelivered, 1)).toEqual([2, 3])
})

test('the events of a user whose last socket has closed make room for others', () => {
  const undelivered = new Undelivered()
  undelivered.add(sized(1, 10), false)
  undelivered.add(sized(2, UNDELIVERED_CHARACTERS_MAX - 10, 2), true)
  undelivered.drop(2)

  undelivered.add(sized(3, UNDELIVERED_CHARACTERS_MAX - 10), false)

  expect(idsFor(undelivered, 1)).toEqual([1, 3])
})

test('an event larger than all that is kept is dropped, and no reason to fail', () => {
  const undelivered = new Undelivered()
  undelivered.add(sized(1, UNDELIVERED_CHARACTERS_MAX + 1), false)
  undelivered.add(sized(2, 1), false)
  expect(idsFor(undelivered, 1)).toEqual([2])
})

function sized(eventId: number, characters: number, userId = 1): PendingEvent {
  return eventFor(userId, eventId, 'shop:news', 'x'.repeat(characters))
}
