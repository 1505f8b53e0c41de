import { expect, test } from 'vitest'
import { ChatError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { backoffMs } from '../../src/webhook/backoff.ts'
import { Claim } from '../../src/webhook/claim.ts'
import { Pause, POSTS_MAX } from '../../src/webhook/pause.ts'
import { POST_TIMEOUT_MS } from '../../src/webhook/shop.ts'
import { Sightings } from '../../src/webhook/sightings.ts'

const down = new ChatError('unavailable', 'it is down')
const silent = createLog('text', () => {})

test('a wait doubles with each failure, up to its limit', () => {
  const waits = [1, 2, 3, 4, 5, 1_100].map((failures) => backoffMs(failures, 5, 40))
  expect(waits).toEqual([5, 10, 20, 40, 40, 40])
})

test('a pause is twice as long after each failure, up to a minute, and over with a success', () => {
  let now = 0
  const pause = new Pause(silent, () => now)
  expect(pause.postsMax).toBe(POSTS_MAX)
  for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    pause.failed(down, now)
    now += ms - 1
    expect([pause.isOver, pause.postsMax]).toEqual([false, 0])
    now += 1
    expect([pause.isOver, pause.postsMax]).toEqual([true, 1])
  }
  pause.worked(now)
  expect(pause.postsMax).toBe(POSTS_MAX)
  pause.failed(down, now)
  now += 1_000
  expect(pause.isOver).toBe(true)
})

test('posts that were under way together fail as one, and none that began before says it is over', () => {
  let now = 0
  const pause = new Pause(silent, () => now)
  now = 10
  for (const startedAt of [0, 1, 2]) pause.failed(down, startedAt)
  now = 1_010
  expect(pause.postsMax).toBe(1)
  pause.worked(5)
  expect(pause.postsMax).toBe(1)
})

test('a pause is as long as the application asked for', () => {
  let now = 0
  const pause = new Pause(silent, () => now)
  pause.failed(new ChatError('unavailable', 'busy', { retryAfterSeconds: 90 }), now)
  pause.failed(down, -1)
  now = 89_999
  expect(pause.isOver).toBe(false)
  now = 90_000
  expect(pause.isOver).toBe(true)
})

test('a receiver was seen lately until the grace is over, and anybody may have been at the start', () => {
  let now = 0
  const sightings = new Sightings(100, () => now)
  now = 99
  expect(sightings.isRecent(1)).toBe(true)
  now = 100
  expect(sightings.isRecent(1)).toBe(false)
  sightings.add(1)
  now = 150
  sightings.add(2)
  now = 199
  expect([1, 2].map((userId) => sightings.isRecent(userId))).toEqual([true, true])
  now = 200
  expect([1, 2].map((userId) => sightings.isRecent(userId))).toEqual([false, true])
})

test('without a grace nobody was seen lately', () => {
  const sightings = new Sightings(0, () => 0)
  sightings.add(1)
  expect(sightings.isRecent(1)).toBe(false)
})

test('a claim holds only as long as a post that begins now ends within it', async () => {
  let now = 0
  let asked = 0
  let isGiven = true
  const ask = async () => {
    asked += 1
    return isGiven
  }
  const claim = new Claim(ask, () => now)
  expect(claim.isHeld).toBe(false)
  expect(await claim.renew()).toBe(true)
  now = 4_999
  await claim.renew()
  expect(asked).toBe(1)
  now = 5_000
  isGiven = false
  // By its own clock it is still held: nobody else has it.
  expect(await claim.renew()).toBe(true)
  now = 15_000 - POST_TIMEOUT_MS
  expect(claim.isHeld).toBe(false)
  isGiven = true
  expect(await claim.renew()).toBe(true)
  await claim.release()
  expect(claim.isHeld).toBe(false)
})
