import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Samples, type Status } from '../../src/pages/status/samples.ts'

test('the page runs no inline script or style, and fetches nothing from elsewhere', () => {
  const html = readFileSync(new URL('../../public/status.html', import.meta.url), 'utf8')
  expect(html).toMatch(/content="default-src 'none'; script-src 'self'; style-src 'self';/)
  expect(html).not.toMatch(/<script>|<style|\sstyle=|\son\w+=|https?:/)
})

function statusAt(seconds: number, count: number): Status {
  return {
    time_ms: seconds * 1000,
    lag_seconds: 0,
    connections: 0,
    users: 0,
    message_count: count,
    event_count: 2 * count,
    wal_bytes: 0,
    api: { pid: 1, send_count: count, send_seconds: count / 100 },
    daemon: { state: 'running' },
    daemons: [2, 3].map((pid) => {
      return { pid, poll_age_seconds: 0, poll_ms: 0, delivered_count: count }
    }),
  }
}

test('rates are those of the last 10 s, and unknown at first and after a restart', () => {
  const samples = new Samples()
  expect(samples.add(statusAt(0, 100))).toMatchObject({ messageRate: null, sendMs: null })
  const second = samples.add(statusAt(4, 140))
  expect(second).toMatchObject({ messageRate: 10, eventRate: 20, deliveredRate: 20 })
  expect(second.sendMs).toBeCloseTo(10)
  // From 4 s on: the first answer is too old.
  expect(samples.add(statusAt(14, 340)).messageRate).toBe(20)
  expect(samples.add(statusAt(16, 0)).deliveredRate).toBeNull()
})

test('what is older than 15 minutes is forgotten', () => {
  const samples = new Samples()
  for (const seconds of [0, 1, 900]) samples.add(statusAt(seconds, 0))
  expect(samples.rows.map((row) => row.seconds)).toEqual([0, 1, 900])
  samples.addNothing(901_000)
  expect(samples.rows.map((row) => row.seconds)).toEqual([1, 900, 901])
  expect(samples.rows.at(-1)?.lag).toBeNull()
})
