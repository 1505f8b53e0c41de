import { expect, test } from 'vitest'
import { type Figure, isMet, noisyContenders, ratioTo, summaryOf } from './figure.ts'
import { alternate, pick } from './rounds.ts'
import { median, percentile } from './statistics.ts'
import { markdownTable } from './table.ts'

const RATE: Figure = {
  name: 'Sends',
  unit: '/s',
  rounds: { chat: [900, 1_200, 1_000], floor: [2_000, 1_900, 2_100], php: [100, 99, 101] },
  targets: [
    { bound: 'at least', value: 0.5, of: 'floor' },
    { bound: 'at least', value: 10, of: 'php' },
  ],
}

test('percentiles are samples, by nearest rank', () => {
  const samples = [5, 1, 4, 2, 3]

  expect(median(samples)).toBe(3)
  expect(median([1, 2, 3, 4])).toBe(2)
  expect(percentile(samples, 99)).toBe(5)
  expect(percentile(samples, 20)).toBe(1)
  expect(percentile(samples, 21)).toBe(2)
  expect(percentile([], 50)).toBeNaN()
  expect(samples).toEqual([5, 1, 4, 2, 3])
})

test('a figure is the median of its rounds, and its ratio that of two medians', () => {
  expect(summaryOf(RATE)).toBe(1_000)
  expect(ratioTo(RATE, 'floor')).toBe(0.5)
  expect(ratioTo(RATE, 'php')).toBe(10)
})

test('the worst moment is the largest of all rounds', () => {
  expect(summaryOf({ ...RATE, summary: 'worst' })).toBe(1_200)
})

test.for([
  ['at least', 1_000, true],
  ['at least', 1_001, false],
  ['at most', 1_000, true],
  ['at most', 999, false],
] as const)('%s %d is judged at its limit', ([bound, value, isReached]) => {
  expect(isMet(RATE, { bound, value })).toBe(isReached)
})

test('rounds that are far apart say so, the worst moment never', () => {
  const noisy = { ...RATE, rounds: { chat: [100, 110, 161], floor: [100, 130, 160] } }

  expect(noisyContenders(noisy)).toEqual([])
  noisy.rounds.chat = [100, 100, 161]
  expect(noisyContenders(noisy)).toEqual(['chat'])
  expect(noisyContenders({ ...noisy, summary: 'worst' })).toEqual([])
})

test('the table tells value, range, ratios, targets and whether they are met', () => {
  const missed: Figure = { ...RATE, name: 'Others', targets: [{ bound: 'at most', value: 999 }] }
  const noisy: Figure = { ...RATE, name: 'Noise', rounds: { chat: [1, 5, 9] } }
  const lines = markdownTable([RATE, missed, noisy])
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '))

  expect(lines).toEqual([
    '| figure | median (min – max) | against | target | |',
    expect.stringMatching(/^\| -+ \| -+ \| -+ \| -+ \| -+ \|$/),
    '| Sends | 1,000 /s (900 – 1,200) | 0.5 × floor, 10 × php | ≥ 0.5 × floor, ≥ 10 × php | met |',
    '| Others | 1,000 /s (900 – 1,200) | 0.5 × floor, 10 × php | ≤ 999 | missed |',
    // Peers that were not there are not judged by.
    '| Noise | 5 /s (1 – 9) | | ≥ 0.5 × floor, ≥ 10 × php | too noisy: chat |',
  ])
})

test('contenders take turns', async () => {
  const turns: string[] = []
  const measure = (name: string) => async () => turns.push(name)

  const results = await alternate(2, { chat: measure('chat'), floor: measure('floor') })

  expect(turns).toEqual(['chat', 'floor', 'chat', 'floor'])
  expect(pick(results, (turn) => turn * 10)).toEqual({ chat: [10, 30], floor: [20, 40] })
})
