import { expect, test } from 'vitest'
import type { PendingEvent } from '../../src/chat/model.ts'
import { BACKLOG_EVENTS_MAX, Backlog } from '../../src/websocket/backlog.ts'

function eventFor(userId: number | null, eventId: number, event = 'chat:message'): PendingEvent {
  return { eventId, event, userId, data: '{}', messageId: null, subjectUserId: null }
}

const idsFor = (backlog: Backlog, userId: number) =>
  backlog.for(userId).map(({ eventId }) => eventId)

test('a user gets their own events and everybody’s, oldest first, on each socket', () => {
  const backlog = new Backlog()
  for (const [index, userId] of [1, null, 2, 1].entries()) {
    backlog.add(eventFor(userId, index + 1), false)
  }
  expect(idsFor(backlog, 1)).toEqual([1, 2, 4])
  expect(idsFor(backlog, 1)).toEqual([1, 2, 4])
  expect(idsFor(backlog, 3)).toEqual([2])
})

test('typing and status are not remembered', () => {
  const backlog = new Backlog()
  backlog.add(eventFor(1, 1, 'chat:typing'), false)
  backlog.add(eventFor(1, 2, 'chat:user_status'), false)
  backlog.add(eventFor(1, 3, 'chat:read'), false)
  expect([...backlog.held]).toEqual([3])
  expect(idsFor(backlog, 1)).toEqual([3])
})

test('what nobody got is held in the table until somebody does, or it closes', () => {
  const backlog = new Backlog()
  backlog.add(eventFor(1, 1), false)
  backlog.add(eventFor(2, 2), true)
  backlog.add(eventFor(2, 3), false)
  backlog.add(eventFor(null, 4), false)
  expect([...backlog.held]).toEqual([1, 3, 4])
  backlog.for(2)
  expect([...backlog.held]).toEqual([1])
  backlog.close()
  expect([...backlog.held]).toEqual([])
})

test('a user whose last socket has closed is away: nothing old, nothing new, nothing held', () => {
  const backlog = new Backlog()
  backlog.add(eventFor(1, 1), true)
  backlog.forget(1)
  backlog.add(eventFor(1, 2), false)
  expect(idsFor(backlog, 1)).toEqual([])
  expect([...backlog.held]).toEqual([])
})

test('once closed it remembers nothing', () => {
  const backlog = new Backlog()
  backlog.add(eventFor(1, 1), false)
  backlog.close()
  backlog.add(eventFor(1, 2), false)
  expect(idsFor(backlog, 1)).toEqual([])
  expect([...backlog.held]).toEqual([])
})

test('it remembers BACKLOG_EVENTS_MAX events; for one more it forgets the oldest', () => {
  const backlog = new Backlog()
  backlog.add(eventFor(2, 1), false)
  backlog.add(eventFor(1, 2), false)
  for (let id = 3; id <= BACKLOG_EVENTS_MAX; id += 1) backlog.add(eventFor(3, id), false)
  expect(idsFor(backlog, 2)).toEqual([1])
  expect(idsFor(backlog, 1)).toEqual([2])
  expect(backlog.held.size).toBe(BACKLOG_EVENTS_MAX - 2)

  backlog.add(eventFor(3, BACKLOG_EVENTS_MAX + 1), false)
  expect(idsFor(backlog, 2)).toEqual([])
  expect(idsFor(backlog, 1)).toEqual([2])
})
