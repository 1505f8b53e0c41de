/**
 * Times in the documented format, 'YYYY-MM-DD HH:MM:SS': stored in UTC, shown in CHAT_TIMEZONE.
 */
export class Clock {
  readonly now: () => Date
  readonly #formatter: Intl.DateTimeFormat | undefined

  /** @param timezone an IANA name ('Asia/Riyadh'); 'UTC' shows times as they are stored */
  constructor(timezone = 'UTC', now = () => new Date()) {
    this.now = now
    this.#formatter = timezone === 'UTC' ? undefined : formatterFor(timezone)
  }

  /** The time now, as stored. */
  stored(): string {
    return this.storedFrom(this.now())
  }

  storedFrom(time: Date): string {
    return time.toISOString().slice(0, 19).replace('T', ' ')
  }

  /** Whole seconds from a stored time to now; negative for a time to come. */
  secondsSince(stored: string): number {
    return (
      Math.floor(this.now().getTime() / 1000) - Date.parse(`${stored.replace(' ', 'T')}Z`) / 1000
    )
  }

  /** A stored time as clients see it. */
  shown(stored: string): string {
    if (this.#formatter === undefined) return stored
    // Swedish is the locale whose dates are written YYYY-MM-DD HH:MM:SS.
    return this.#formatter.format(new Date(`${stored.replace(' ', 'T')}Z`))
  }
}

function formatterFor(timezone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
}
