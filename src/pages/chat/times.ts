const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long' })
const dateFormat = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'long',
  year: 'numeric',
})
const shortDateFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

/** The moment of '2026-01-23 20:30:45' in the time zone that the server shows times in. */
export function momentOf(shown: string, timeZone: string): Date {
  const asUtc = Date.parse(`${shown.replace(' ', 'T')}Z`)
  // Twice: the first guess may lie on the other side of a daylight saving change.
  const guess = asUtc - offsetMs(new Date(asUtc), timeZone)
  return new Date(asUtc - offsetMs(new Date(guess), timeZone))
}

export function timeOf(moment: Date): string {
  return timeFormat.format(moment)
}

/** For a line between two days of a conversation. */
export function dayOf(moment: Date, format = dateFormat): string {
  const days = daysBetween(moment, new Date())
  if (days === 0) return 'Today'
  if (days === 1) return 'Yesterday'
  return (days < 7 ? weekdayFormat : format).format(moment)
}

/** For a list of conversations: as short as it may be. */
export function briefly(moment: Date): string {
  return isSameDay(moment, new Date()) ? timeOf(moment) : dayOf(moment, shortDateFormat)
}

export function lastSeen(moment: Date): string {
  const minutes = Math.floor((Date.now() - moment.getTime()) / MINUTE_MS)
  if (minutes < 1) return 'last seen just now'
  if (minutes < 60) return `last seen ${minutes} min ago`
  const day = dayOf(moment)
  return `last seen ${day === 'Today' ? 'today' : day.toLowerCase()} at ${timeOf(moment)}`
}

/** Minutes and seconds: 0:07. */
export function spanOf(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

export function isSameDay(one: Date, other: Date): boolean {
  return one.toDateString() === other.toDateString()
}

function daysBetween(moment: Date, now: Date): number {
  const midnight = (date: Date) => new Date(date).setHours(0, 0, 0, 0)
  return Math.round((midnight(now) - midnight(moment)) / DAY_MS)
}

/** How far a time zone is ahead of UTC at this moment. */
function offsetMs(moment: Date, timeZone: string): number {
  if (timeZone === 'UTC') return 0
  const format = new Intl.DateTimeFormat('sv', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
  const shown = Date.parse(`${format.format(moment).replace(' ', 'T')}Z`)
  return shown - Math.floor(moment.getTime() / 1_000) * 1_000
}
