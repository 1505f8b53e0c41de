import { expect, test } from 'vitest'
import { addressKey } from '../../src/limits/address-key.ts'
import type { FixedLimit } from '../../src/limits/limit.ts'
import { Quota, Turns } from '../../src/limits/quota.ts'
import { RateLimit } from '../../src/limits/rate-limit.ts'
import { waitFor } from '../support/wait.ts'

const ROW = { what: 'calls', beyond: '429', refusal: 'Slow down', reason: '' }
const rateLimit = (max: number, seconds: number) =>
  new RateLimit({ ...ROW, seconds, per: 'user', max }, max)
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

test('what is refused is not counted, and what is given back can be used again', async () => {
  const limit = rateLimit(3, 60)
  await limit.count('john', 2)
  await expect(limit.count('john', 2)).rejects.toMatchObject(SLOW_DOWN)
  await limit.count('john')

  await limit.giveBack('john', 2)
  await limit.count('john', 2)
  await expect(limit.count('john')).rejects.toMatchObject(SLOW_DOWN)
})

test('nobody gets more than their share by giving back what was not counted', async () => {
  const limit = rateLimit(1, 60)
  for (let count = 1; count <= 3; count += 1) await limit.giveBack('john')
  await limit.count('john')
  await limit.giveBack('john', 5)
  await limit.count('john')
  await expect(limit.count('john')).rejects.toMatchObject(SLOW_DOWN)
})

test.each([
  ['203.0.113.1', '203.0.113.1'],
  ['::ffff:203.0.113.1', '203.0.113.1'],
  ['::FFFF:CB00:7101', '203.0.113.1'],
  ['0:0:0:0:0:ffff:203.0.113.1', '203.0.113.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
  ['2001:db8::5', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
  ['john', 'john'],
])('the address %s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test('whoever has a whole IPv6 network is one address to every limit', async () => {
  const row: FixedLimit = { ...ROW, per: 'address', max: 2, seconds: 60 }
  const [limit, quota] = [new RateLimit(row), new Quota(row)]
  for (const address of ['2001:db8::1', '2001:db8::2:1']) {
    await limit.count(address)
    quota.take(address)
  }

  await expect(limit.count('2001:db8::3')).rejects.toMatchObject(SLOW_DOWN)
  expect(() => quota.take('2001:db8::3')).toThrow('Slow down')
  await limit.count('2001:db8:0:1::3')
  quota.release('2001:db8::4')
  quota.take('2001:db8::3')
})

test('what all together have used up is busy, which is no failure', () => {
  const quota = new Quota({ ...ROW, per: 'process', max: 1 })
  quota.take('')
  expect(() => quota.take('')).toThrow(expect.objectContaining({ code: 'busy' }))
})

test('beyond their number callers wait for their turn, first come, first served', async () => {
  const turns = new Turns({ ...ROW, per: 'address', max: 2 }, 60_000)
  const order: number[] = []
  const takers = [1, 2, 3, 4, 5].map((number) => turns.take('::1').then(() => order.push(number)))
  await Promise.all(takers.slice(0, 2))
  await turns.take('203.0.113.1')
  expect(order).toEqual([1, 2])

  for (const number of [3, 4, 5]) {
    turns.release('::1')
    await takers[number - 1]
  }

  expect(order).toEqual([1, 2, 3, 4, 5])
  turns.release('::1')
  await turns.take('::1')
})

test('a turn that does not come in time is refused, and passes to the next', async () => {
  const turns = new Turns({ ...ROW, per: 'user', max: 1 }, 20)
  await turns.take(1)
  await expect(turns.take(1)).rejects.toMatchObject({ ...SLOW_DOWN, retryAfterSeconds: 2 })
  turns.release(1)
  await turns.take(1)
})
