/** A terminal is told at once; a log now and then. */
const TERMINAL_INTERVAL_MS = 200
const LOG_INTERVAL_MS = 10_000
const CLEAR_TO_END = '\x1b[K'

/** Where it is told: a terminal, or a file. */
type Output = Pick<typeof process.stdout, 'isTTY' | 'write'>

/** Tells how far a long piece of work has come: on a terminal in one line, which it rewrites. */
export class Progress {
  readonly #title: string
  readonly #total: number | undefined
  readonly #output: Output
  readonly #now: () => number
  readonly #startedAt: number
  #toldAt: number
  #count = 0

  /**
   * @param total of the rows to come; undefined where that is not known
   * @param now in ms
   */
  constructor(
    title: string,
    total: number | undefined,
    output: Output = process.stdout,
    now = () => performance.now(),
  ) {
    this.#title = title
    this.#total = total
    this.#output = output
    this.#now = now
    this.#startedAt = now()
    this.#toldAt = this.#startedAt
  }

  /** Counts more rows as done. */
  readonly advance = (count: number): void => {
    this.#count += count
    const interval = this.#output.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS
    if (this.#now() - this.#toldAt < interval) return
    this.#toldAt = this.#now()
    this.#tell(this.#output.isTTY ? '' : '\n')
  }

  end(): void {
    this.#tell('\n')
  }

  #tell(end: string): void {
    const [start, clear] = this.#output.isTTY ? ['\r', CLEAR_TO_END] : ['', '']
    this.#output.write(`${start}${this.#line()}${clear}${end}`)
  }

  #line(): string {
    const seconds = (this.#now() - this.#startedAt) / 1000
    const perSecond = this.#count / Math.max(seconds, 0.001)
    const left = Math.ceil(((this.#total ?? 0) - this.#count) / perSecond)
    const end = left > 0 ? `${grouped(left)} s left` : `in ${seconds.toFixed(1)} s`
    return `${this.#title}: ${this.#rows()}, ${grouped(Math.round(perSecond))}/s, ${end}`
  }

  #rows(): string {
    if (this.#total === undefined) return `${grouped(this.#count)} rows`
    const percent = this.#total === 0 ? 100 : Math.floor((100 * this.#count) / this.#total)
    return `${grouped(this.#count)} of ${grouped(this.#total)} rows (${percent} %)`
  }
}

/** 1,234,567 */
export function grouped(count: number): string {
  return count.toLocaleString('en')
}
