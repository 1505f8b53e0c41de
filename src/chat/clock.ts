const DAY_MS = 24 * 60 * 60 * 1000
/** Beyond, years have other than four digits in some format or other. */
const SHOWN_MS_MAX = Date.UTC(9000, 0)

/**
 * Times in the documented format, 'YYYY-MM-DD HH:MM:SS': stored in UTC, shown in CHAT_TIMEZONE.
 */
export class Clock {
  readonly now: () => Date
  readonly #formatter: Intl.DateTimeFormat | undefined
  /** From UTC, in ms, before and after each day: to format a time is slow. */
  readonly #offsets = new Map<number, [before: number, after: number]>()
  /** Every send asks for the time: those of one second share the text. */
  #latest = { second: Number.NaN, text: '' }

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
    const second = Math.floor(time.getTime() / 1000)
    if (second !== this.#latest.second) {
      this.#latest = { second, text: time.toISOString().slice(0, 19).replace('T', ' ') }
    }
    return this.#latest.text
  }

  /** The time in so many ms, as stored: rounded up, so that it never comes too early. */
  storedIn(ms: number): string {
    const second = Math.ceil((this.now().getTime() + ms) / 1000)
    return this.storedFrom(new Date(second * 1000))
  }

  /** Whole seconds from a stored time to now; negative for a time to come. */
  secondsSince(stored: string): number {
    return Math.floor(this.now().getTime() / 1000) - msOf(stored) / 1000
  }

  /** A stored time as clients see it. */
  shown(stored: string): string {
    if (this.#formatter === undefined) return stored
    // Swedish is the locale whose dates are written YYYY-MM-DD HH:MM:SS.
    return this.#formatter.format(new Date(msOf(stored)))
  }

  /**
   * The inverse of `shown`; undefined for what is no time since 1970. Where clocks are set back, an hour is
   * shown twice: it is taken for the first.
   */
  storedFromShown(shown: string): string | undefined {
    const ms = msOf(shown)
    const isInRange = ms >= 0 && ms < SHOWN_MS_MAX
    // JavaScript makes March 2 of February 30.
    if (!isInRange || this.storedFrom(new Date(ms)) !== shown) return undefined
    return this.storedFrom(new Date(ms - this.#offsetOf(ms)))
  }

  /** @param shownMs a time that is shown, as if it were UTC */
  #offsetOf(shownMs: number): number {
    const [before, after] = this.#offsetsAround(Math.floor(shownMs / DAY_MS))
    const isBefore = before === after || this.#offsetAt(shownMs - before) === before
    return isBefore ? before : after
  }

  #offsetsAround(day: number): [before: number, after: number] {
    const found = this.#offsets.get(day)
    if (found !== undefined) return found
    const offsets = [day - 1, day + 2].map((other) => this.#offsetAt(other * DAY_MS))
    this.#offsets.set(day, offsets as [number, number])
    return offsets as [number, number]
  }

  #offsetAt(ms: number): number {
    return msOf(this.shown(this.storedFrom(new Date(ms)))) - ms
  }
}

function msOf(stored: string): number {
  return Date.parse(`${stored.replace(' ', 'T')}Z`)
}

function formatterFor(timezone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('sv-SE', {
    timeZone: timezone,
    dateStyle: 'short',
    timeStyle: 'medium',
  })
}
