import { expect, test } from 'vitest'
import { RateLimit } from '../../src/rate-limits.ts'
import { waitFor } from '../support/wait.ts'

const rateLimit = (max: number, seconds: number) =>
  new RateLimit(
    { what: 'calls', seconds, per: 'user', beyond: '429', refusal: 'Slow down', reason: '', max },
    max,
  )
const SLOW_DOWN = { code: 'too_many', message: 'Slow down' }

test('the last of its share is counted, and one more is refused until the time is over', async () => {
  const limit = rateLimit(3, 60)
  for (let count = 1; count <= 3; count += 1) await limit.count('john')

  await expect(limit.count('john')).rejects.toMatchObject(SLOW_DOWN)
  await expect(limit.count('john')).rejects.toMatchObject({ retryAfterSeconds: 60 })
  await limit.count('jane')
})

test('a key is refused by a check once its share is used up, and not before', async () => {
  const limit = rateLimit(2, 60)
  await limit.check('john')
  await limit.count('john')
  for (let count = 1; count <= 5; count += 1) await limit.check('john')

  await limit.count('john')

  await expect(limit.check('john')).rejects.toMatchObject(SLOW_DOWN)
  await limit.check('jane')
})

test('when the time is over the share is there again', async () => {
  const limit = rateLimit(1, 1)
  await limit.count('john')
  await expect(limit.count('john')).rejects.toMatchObject({ retryAfterSeconds: 1 })

  const isLetIn = () =>
    limit.check('john').then(
      () => true,
      () => false,
    )
  await waitFor(isLetIn, 'the second to be over')
  await limit.count('john')
})

test('0 is no limit', async () => {
  const limit = rateLimit(0, 60)
  for (let count = 1; count <= 1_000; count += 1) await limit.count('john')
  await limit.check('john')
})
