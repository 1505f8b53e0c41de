import { expect, test } from 'vitest'
import { type Figure, isMet, noisyContenders, ratioTo, summaryOf } from './figure.ts'
import { alternate, pick } from './rounds.ts'
import { median, pairedRatio, percentile } from './statistics.ts'
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

test('a figure is the median of its rounds, and its ratio that of its rounds to those beside them', () => {
  expect(summaryOf(RATE)).toBe(1_000)
  expect(ratioTo(RATE, 'floor')).toEqual({ median: 1_000 / 2_100, low: 0.45, high: 1_200 / 1_900 })
})

test.for([
  // The chance that all of five are on one side of the median is 1 in 16, of six 1 in 32.
  [5, 1, 5],
  [6, 1, 6],
  [8, 1, 8],
  [9, 2, 8],
  [20, 6, 15],
])('the interval of %i rounds goes from the %i. to the %i.', ([count, low, high]) => {
  const subject = Array.from({ length: count as number }, (_, index) => index + 1).toReversed()
  const ratio = pairedRatio(subject, Array(count).fill(1))
  expect(ratio).toMatchObject({ low, high })
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

test('a ratio whose interval is wider than a tenth of it is too noisy, that of the worst moment never', () => {
  // However much the machine slows down, it slows down both.
  const figure = { ...RATE, rounds: { chat: [100, 50, 210], floor: [100, 50, 200] } }
  expect(noisyContenders(figure)).toEqual([])
  const noisy = { ...RATE, rounds: { chat: [100, 50, 221], floor: [100, 50, 200] } }
  expect(noisyContenders(noisy)).toEqual(['floor'])
  expect(noisyContenders({ ...noisy, summary: 'worst' })).toEqual([])
})

test('the table tells value, range, ratios, targets and whether they are met', () => {
  const missed: Figure = { ...RATE, name: 'Others', targets: [{ bound: 'at most', value: 999 }] }
  const noisy: Figure = { ...RATE, name: 'Alone', rounds: { chat: [1, 5, 9] } }
  const lines = markdownTable([RATE, missed, noisy])
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '))

  expect(lines).toEqual([
    '| figure | median (min – max) | against | target | |',
    expect.stringMatching(/^\| -+ \| -+ \| -+ \| -+ \| -+ \|$/),
    '| Sends | 1,000 /s (900 – 1,200) | 0.476 (0.45 – 0.632) × floor, 9.9 (9 – 12.1) × php | ≥ 0.5 × floor, ≥ 10 × php | missed; too noisy: floor, php |',
    '| Others | 1,000 /s (900 – 1,200) | 0.476 (0.45 – 0.632) × floor, 9.9 (9 – 12.1) × php | ≤ 999 | missed; too noisy: floor, php |',
    // Peers that were not there are not judged by.
    '| Alone | 5 /s (1 – 9) | | ≥ 0.5 × floor, ≥ 10 × php | |',
  ])
})

test('contenders take turns, there and back', async () => {
  const turns: string[] = []
  const measure = (name: string) => async () => turns.push(name)

  const results = await alternate(3, { chat: measure('chat'), floor: measure('floor') })

  expect(turns).toEqual(['chat', 'floor', 'floor', 'chat', 'chat', 'floor'])
  expect(pick(results, (turn) => turn * 10)).toEqual({ chat: [10, 40, 50], floor: [20, 30, 60] })
})

test('rounds are added until the ratio is precise, or it is clear that it will not be', async () => {
  const roundsFor = async (noise: number[]) => {
    let round = -1
    const chat = async () => noise[++round] ?? 100
    return (await alternate(3, { chat, floor: async () => 100 }, (value) => value)).chat?.length
  }
  expect(await roundsFor([])).toBe(3)
  // Of nine the one that is furthest off does not count.
  expect(await roundsFor([111])).toBe(9)
  const wild = Array.from({ length: 30 }, (_, index) => (index % 2 ? 50 : 100))
  expect(await roundsFor(wild)).toBe(20)
})
