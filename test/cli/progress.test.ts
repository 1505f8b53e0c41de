import { expect, test } from 'vitest'
import { Progress } from '../../src/cli/progress.ts'

/** Progress over 4,000 rows, the time that a test sets, and what was written. */
function start(isTTY: boolean) {
  const time = { ms: 0 }
  const written: string[] = []
  const write = (text: string) => written.push(text) > 0
  const output = { isTTY, write } as typeof process.stdout
  return { progress: new Progress('Copying', 4_000, output, () => time.ms), time, written }
}

test('a terminal sees how far it is in one line, at most five times a second', () => {
  const { progress, time, written } = start(true)
  for (time.ms = 100; time.ms <= 1_000; time.ms += 100) progress.advance(100)
  expect(written).toHaveLength(5)
  expect(written[4]).toBe('\rCopying: 1,000 of 4,000 rows (25 %), 1,000/s, 3 s left\x1b[K')

  time.ms = 2_000
  progress.advance(3_000)
  progress.end()
  expect(written.at(-1)).toBe('\rCopying: 4,000 of 4,000 rows (100 %), 2,000/s, in 2.0 s\x1b[K\n')
})

test('a file gets a line every ten seconds, and one at the end', () => {
  const { progress, time, written } = start(false)
  for (time.ms = 1_000; time.ms <= 20_000; time.ms += 1_000) progress.advance(100)
  progress.advance(2_000)
  progress.end()
  expect(written).toEqual([
    'Copying: 1,000 of 4,000 rows (25 %), 100/s, 30 s left\n',
    'Copying: 2,000 of 4,000 rows (50 %), 100/s, 20 s left\n',
    'Copying: 4,000 of 4,000 rows (100 %), 190/s, in 21.0 s\n',
  ])
})

test('nothing to do is done', () => {
  const written: string[] = []
  const output = { isTTY: false, write: (text: string) => written.push(text) > 0 }
  new Progress('Copying', 0, output as typeof process.stdout, () => 0).end()
  expect(written).toEqual(['Copying: 0 of 0 rows (100 %), 0/s, in 0.0 s\n'])
})

test('where nobody knows how much is to come, it says how much there was', () => {
  const time = { ms: 0 }
  const written: string[] = []
  const output = { isTTY: false, write: (text: string) => written.push(text) > 0 }
  const progress = new Progress('Reading', undefined, output as never, () => time.ms)
  time.ms = 2_000
  progress.advance(3_000)
  progress.end()
  expect(written).toEqual(['Reading: 3,000 rows, 1,500/s, in 2.0 s\n'])
})
