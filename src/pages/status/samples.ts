/** The `data` of GET /status.json. Counts only ever grow, until their process starts again. */
export interface Status {
  time_ms: number
  lag_seconds: number
  connections: number
  users: number
  message_count: number
  event_count: number
  wal_bytes: number
  api: { pid: number; send_count: number; send_seconds: number }
  /** Of all daemons together. */
  daemon: { state: 'running' | 'unhealthy' | 'stopped' }
  daemons: Daemon[]
}

interface Daemon {
  pid: number
  poll_age_seconds: number
  poll_ms: number
  delivered_count: number
}

/** A row of the plots; null where nothing is known. */
export interface Sample {
  seconds: number
  lag: number | null
  messageRate: number | null
  eventRate: number | null
  deliveredRate: number | null
  connections: number | null
  users: number | null
  /** Mean of the sends in the window; null when there were none. */
  sendMs: number | null
}

const KEPT_MS = 15 * 60_000
/** The daemon writes its counts every 5 s: rates over less would jump. */
const RATE_WINDOW_MS = 10_000

/** The answers of the last 15 minutes, and the rates that follow from them. */
export class Samples {
  readonly rows: Sample[] = []
  #seen: Status[] = []

  add(status: Status): Sample {
    const before = this.#before(status)
    this.#seen.push(status)
    const rate = (count: (one: Status) => number | null) => rateOf(count, before, status)
    const sends = status.api.send_count - (before?.api.send_count ?? Number.NaN)
    const sendSeconds = status.api.send_seconds - (before?.api.send_seconds ?? 0)
    return this.#keep({
      seconds: status.time_ms / 1000,
      lag: status.lag_seconds,
      messageRate: rate((one) => one.message_count),
      eventRate: rate((one) => one.event_count),
      deliveredRate: rate(deliveredCount),
      connections: status.connections,
      users: status.users,
      sendMs: sends > 0 ? (sendSeconds / sends) * 1000 : null,
    })
  }

  /** A gap: there was no answer. */
  addNothing(now = Date.now()): void {
    const unknown = { lag: null, messageRate: null, eventRate: null, deliveredRate: null }
    this.#keep({ seconds: now / 1000, ...unknown, connections: null, users: null, sendMs: null })
  }

  /** The answer from RATE_WINDOW_MS ago, or, at first, the oldest. */
  #before(status: Status): Status | undefined {
    const from = status.time_ms - RATE_WINDOW_MS
    this.#seen = this.#seen.filter((one) => one.time_ms >= from)
    return this.#seen[0]
  }

  #keep(row: Sample): Sample {
    this.rows.push(row)
    while ((this.rows[0]?.seconds ?? 0) < row.seconds - KEPT_MS / 1000) this.rows.shift()
    return row
  }
}

function deliveredCount({ daemons }: Status): number | null {
  if (daemons.length === 0) return null
  return daemons.reduce((sum, { delivered_count }) => sum + delivered_count, 0)
}

function rateOf(
  count: (one: Status) => number | null,
  before: Status | undefined,
  now: Status,
): number | null {
  const [from, to] = [before && count(before), count(now)]
  if (before === undefined || from == null || to === null) return null
  const seconds = (now.time_ms - before.time_ms) / 1000
  // A process that started again counts from 0.
  return seconds > 0 && to >= from ? (to - from) / seconds : null
}
