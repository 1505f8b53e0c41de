import { expect, test } from 'vitest'
import { Clock } from '../src/chat/clock.ts'

test('a time is stored in UTC, to the second', () => {
  const clock = new Clock('Asia/Riyadh', () => new Date('2026-01-23T20:30:45.999Z'))
  expect(clock.stored()).toBe('2026-01-23 20:30:45')
  expect(clock.storedFrom(new Date('2026-01-01T00:00:00+03:00'))).toBe('2025-12-31 21:00:00')
})

test('a time to come is rounded up to the second', () => {
  const time = { ms: Date.parse('2026-01-23T20:30:45.000Z') }
  const clock = new Clock('UTC', () => new Date(time.ms))
  expect([clock.storedIn(0), clock.storedIn(2_000)]).toEqual([
    '2026-01-23 20:30:45',
    '2026-01-23 20:30:47',
  ])
  time.ms += 1
  expect([clock.storedIn(2_000), clock.storedIn(-1), clock.storedIn(-2)]).toEqual([
    '2026-01-23 20:30:48',
    '2026-01-23 20:30:45',
    '2026-01-23 20:30:45',
  ])
})

test('without a time zone, times are shown as they are stored', () => {
  expect(new Clock().shown('2026-01-23 20:30:45')).toBe('2026-01-23 20:30:45')
  const drift = Math.abs(Date.parse(`${new Clock().stored().replace(' ', 'T')}Z`) - Date.now())
  expect(drift).toBeLessThan(60_000)
})

test.for([
  ['UTC', '2026-01-23 20:30:45', '2026-01-23 20:30:45'],
  ['Asia/Riyadh', '2026-01-23 20:30:45', '2026-01-23 23:30:45'],
  ['Asia/Riyadh', '2026-01-23 21:00:00', '2026-01-24 00:00:00'],
  ['Asia/Kolkata', '2026-12-31 18:30:00', '2027-01-01 00:00:00'],
  ['Pacific/Kiritimati', '2026-01-23 10:00:01', '2026-01-24 00:00:01'],
  ['Pacific/Pago_Pago', '2026-03-01 10:59:59', '2026-02-28 23:59:59'],
  // The hour that does not exist when summer time begins, and the one that comes twice at its end.
  ['America/New_York', '2026-03-08 06:59:59', '2026-03-08 01:59:59'],
  ['America/New_York', '2026-03-08 07:00:00', '2026-03-08 03:00:00'],
  ['Europe/Berlin', '2026-10-25 00:30:00', '2026-10-25 02:30:00'],
  ['Europe/Berlin', '2026-10-25 01:30:00', '2026-10-25 02:30:00'],
  ['Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25 03:30:00'],
] as const)('in %s, %s is shown as %s', ([timezone, stored, shown]) => {
  expect(new Clock(timezone).shown(stored)).toBe(shown)
})

test.for([
  ['UTC', '2026-01-23 20:30:45', '2026-01-23 20:30:45'],
  ['Asia/Riyadh', '2026-01-24 00:00:00', '2026-01-23 21:00:00'],
  ['Asia/Kolkata', '2027-01-01 00:00:00', '2026-12-31 18:30:00'],
  ['Pacific/Kiritimati', '2026-01-24 00:00:01', '2026-01-23 10:00:01'],
  ['Pacific/Pago_Pago', '2026-02-28 23:59:59', '2026-03-01 10:59:59'],
  ['America/New_York', '2026-03-08 01:59:59', '2026-03-08 06:59:59'],
  // Clocks never showed it.
  ['America/New_York', '2026-03-08 02:30:00', '2026-03-08 06:30:00'],
  ['America/New_York', '2026-03-08 03:00:00', '2026-03-08 07:00:00'],
  // They showed it twice.
  ['Europe/Berlin', '2026-10-25 02:30:00', '2026-10-25 00:30:00'],
  ['Europe/Berlin', '2026-10-25 03:00:00', '2026-10-25 02:00:00'],
  ['Australia/Lord_Howe', '2026-10-04 02:30:00', '2026-10-03 15:30:00'],
] as const)('in %s, what is shown as %s is stored as %s', ([timezone, shown, stored]) => {
  expect(new Clock(timezone).storedFromShown(shown)).toBe(stored)
})

test.for([
  '2026-02-30 00:00:00',
  '2026-13-01 00:00:00',
  '2026-01-01 24:00:00',
  '0000-00-00 00:00:00',
  '1969-12-31 23:59:59',
  '9000-01-01 00:00:00',
  '2026-01-01',
  'yesterday',
])('%s is no time', (shown) => {
  expect(new Clock('Asia/Riyadh').storedFromShown(shown)).toBeUndefined()
})
