import { expect, test } from 'vitest'
import { ChatError } from '../src/errors.ts'
import { createLog } from '../src/log.ts'
import { Outage } from '../src/outage.ts'
import { waitFor } from './support/wait.ts'

const NOW = new Date('2026-01-01T00:00:00Z')

function setUp(quietMs?: number) {
  const lines: string[] = []
  const log = createLog(
    'text',
    (line) => void lines.push(line),
    () => NOW,
  )
  return { lines, outage: new Outage(log, 'It fails', 'It works', quietMs) }
}

test('an outage is one line when it begins and one when it is over, with what caused it', () => {
  const { lines, outage } = setUp()
  outage.worked()
  const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' })
  const cause = new Error('No answer', { cause: refused })
  for (let count = 0; count < 3; count += 1) {
    outage.failed(new ChatError('unavailable', 'Try again', { cause }))
  }
  outage.worked()
  outage.worked()
  expect(lines).toEqual([
    '2026-01-01 00:00:00 warn  It fails: Try again (No answer: ECONNREFUSED)\n',
    '2026-01-01 00:00:00 info  It works\n',
  ])
})

test('what works for one and fails for another is two lines all the same', async () => {
  const { lines, outage } = setUp(100)
  for (let count = 0; count < 50; count += 1) {
    outage.failed(new ChatError('unavailable', 'Try again'))
    outage.worked()
  }
  expect(lines).toHaveLength(1)
  await waitFor(() => {
    outage.worked()
    return !outage.isOn
  }, 'it to count as over')
  expect(lines).toHaveLength(2)
})
