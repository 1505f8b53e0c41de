import { expect, test } from 'vitest'
import { createLog, type Log, type LogFormat } from '../src/log.ts'

function written(format: LogFormat, use: (log: Log) => void): string {
  let output = ''
  const now = () => new Date('2026-01-23T20:30:45.678Z')
  const log = createLog(
    format,
    (line) => {
      output += line
    },
    now,
  )
  use(log)
  return output
}

test('a line of text has its time, its level and its message', () => {
  expect(written('text', (log) => log.info('Stopped'))).toBe('2026-01-23 20:30:45 info  Stopped\n')
  expect(written('text', (log) => log.warn('Slow'))).toBe('2026-01-23 20:30:45 warn  Slow\n')
  expect(written('text', (log) => log.error('Lost'))).toBe('2026-01-23 20:30:45 error Lost\n')
})

test('a plain line of text is printed word for word', () => {
  expect(written('text', (log) => log.plain('Starting...'))).toBe('Starting...\n')
})

test('an error is followed by its stack and those of its causes', () => {
  const error = new Error('outer', { cause: new Error('inner', { cause: 'a reason' }) })
  const lines = written('text', (log) => log.error('It failed', error)).split('\n')
  expect(lines[0]).toBe('2026-01-23 20:30:45 error It failed')
  expect(lines[1]).toBe('Error: outer')
  expect(lines[2]).toMatch(/^ +at .*log\.test\.ts/)
  expect(lines).toContain('caused by Error: inner')
  expect(lines).toContain('caused by a reason')
})

test('what is thrown and no error is logged as it is', () => {
  expect(written('text', (log) => log.error('It failed', 'why'))).toMatch(/It failed\nwhy\n$/)
  expect(written('text', (log) => log.error('It failed', null))).toMatch(/It failed\nnull\n$/)
})

test('in JSON every entry is one object on one line', () => {
  const output = written('json', (log) => {
    log.plain('Starting...')
    log.info('one\ntwo')
    log.warn('"quoted"')
    log.error('It failed', new Error('why'))
  })
  const lines = output.trimEnd().split('\n')
  const time = '2026-01-23T20:30:45.678Z'
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { time, level: 'info', message: 'Starting...' },
    { time, level: 'info', message: 'one\ntwo' },
    { time, level: 'warn', message: '"quoted"' },
    {
      time,
      level: 'error',
      message: 'It failed',
      error: expect.stringMatching(/^Error: why\n +at/),
    },
  ])
})

test('what a terminal would obey is shown instead, and a message keeps to its line', () => {
  const sent = 'a\x1b[2J\r\n2026-01-23 20:30:45 info  Stopped\x07\x7f\x9b31m'
  const shown = 'a\\x1b[2J\\x0d\\n2026-01-23 20:30:45 info  Stopped\\x07\\x7f\\x9b31m'
  for (const level of ['info', 'warn', 'error'] as const) {
    const line = written('text', (log) => log[level](sent))
    expect(line).toBe(`2026-01-23 20:30:45 ${level.padEnd(5)} ${shown}\n`)
  }
  // A stack has lines, and so have the start-up lines of a program that reports a bug.
  const error = new Error('why\x1b[2J\nnot')
  expect(written('text', (log) => log.error('It failed', error))).toContain('why\\x1b[2J\nnot\n')
  expect(written('text', (log) => log.plain('one\ntwo\x1b'))).toBe('one\ntwo\\x1b\n')
  const json = written('json', (log) => log.info(sent))
  expect(json.trimEnd()).not.toMatch(/\p{Cc}/u)
  expect(JSON.parse(json).message).toBe(sent)
})
