import { expect, test } from 'vitest'
import { Random } from '../faults/random.ts'
import { judge } from './growth.ts'

const FIGURE = { name: 'memory', unit: 'MB', growthMax: 8 }
const SAMPLES = 300

function series(at: (index: number, random: Random) => number): number[] {
  const random = new Random(1)
  return Array.from({ length: SAMPLES }, (_, index) => at(index, random))
}

test.for<[string, (index: number, random: Random) => number, boolean]>([
  ['nothing that happens', () => 100, false],
  ['noise', (_, random) => 100 + random.next() * 30, false],
  ['a saw-tooth', (index) => 100 + (index % 25), false],
  ['a cache that fills at the beginning', (index) => Math.min(100, 20 + index), false],
  ['one outlier', (index) => (index === 290 ? 1_000 : 100), false],
  ['something that shrinks', (index) => 500 - index, false],
  ['a leak', (index) => 100 + index / 20, true],
  ['a leak under noise', (index, random) => 100 + index / 20 + random.next() * 30, true],
  ['a leak under a saw-tooth', (index) => 100 + index / 20 + (index % 25), true],
  ['a leak that begins late', (index) => 100 + Math.max(0, index - 150) / 5, true],
])('%s is judged for what it is', ([, at, hasGrown]) => {
  expect(judge(series(at), FIGURE).hasGrown).toBe(hasGrown)
})

test('growth is told in the unit of the samples, over the time that is judged', () => {
  const { start, middle, end, growth } = judge(
    series((index) => index),
    FIGURE,
  )

  expect(growth).toBe(199)
  expect([start, middle, end]).toEqual([133, 199, 266])
})

test('what grows by just as much as it may has not grown', () => {
  const samples = [0, 0, 0, 0, 1, 2, 3, 4]

  expect(judge(samples, { ...FIGURE, growthMax: 4 })).toMatchObject({ growth: 5, hasGrown: true })
  expect(judge(samples, { ...FIGURE, growthMax: 5 }).hasGrown).toBe(false)
})
