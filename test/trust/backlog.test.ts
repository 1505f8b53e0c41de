import { expect, test } from 'vitest'
import { BACKLOG_CHARACTERS_MAX, Backlog } from '../../src/websocket/backlog.ts'

function eventOf(eventId: number, characters: number, userId = 1) {
  const data = 'x'.repeat(characters)
  return { eventId, event: 'shop:news', userId, data, messageId: null, subjectUserId: null }
}

const kept = (backlog: Backlog) => backlog.for(1).map(({ eventId }) => eventId)

test('a backlog keeps as many characters as it may, and for one more forgets the oldest', () => {
  const backlog = new Backlog()
  backlog.add(eventOf(1, 10), false)
  backlog.add(eventOf(2, BACKLOG_CHARACTERS_MAX - 10), false)
  expect([...backlog.held]).toEqual([1, 2])

  backlog.add(eventOf(3, 1), false)

  expect([...backlog.held]).toEqual([2, 3])
  expect(kept(backlog)).toEqual([2, 3])
})

test('what somebody took along when they left makes room for others', () => {
  const backlog = new Backlog()
  backlog.add(eventOf(1, 10), false)
  backlog.add(eventOf(2, BACKLOG_CHARACTERS_MAX - 10, 2), true)
  backlog.forget(2)

  backlog.add(eventOf(3, BACKLOG_CHARACTERS_MAX - 10), false)

  expect(kept(backlog)).toEqual([1, 3])
})

test('an event larger than the whole backlog is not kept, and no reason to fail', () => {
  const backlog = new Backlog()
  backlog.add(eventOf(1, BACKLOG_CHARACTERS_MAX + 1), false)
  backlog.add(eventOf(2, 1), false)
  expect(kept(backlog)).toEqual([2])
})
