/** A ratio is precise when its interval is no wider than this part of it. */
const INTERVAL_MAX = 0.1
/** Of an interval that holds the median in 95 of 100 cases, what is left out on either side. */
const TAIL = 0.025

/** Of an even number of values, the lower one of the two in the middle. */
export function median(values: number[]): number {
  return percentile(values, 50)
}

/** The smallest value that at least `percent` of all are not above (nearest rank). */
export function percentile(values: number[], percent: number): number {
  const sorted = Float64Array.from(values).sort()
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(rank, 1) - 1] ?? Number.NaN
}

/** How many times something is something else. */
export interface Ratio {
  median: number
  /** The confidence interval of 95 %; of fewer than six rounds, their range, which is less certain. */
  low: number
  high: number
}

/** The ratio of two things that were measured beside each other, round by round. */
export function pairedRatio(subject: number[], other: number[]): Ratio {
  const ratios = subject.map((value, round) => value / (other[round] ?? Number.NaN))
  const sorted = ratios.toSorted((a, b) => a - b)
  const left = ranksLeftOut(sorted.length)
  return {
    median: median(ratios),
    low: sorted[left] ?? Number.NaN,
    high: sorted.at(-1 - left) ?? Number.NaN,
  }
}

export function isPrecise({ median, low, high }: Ratio): boolean {
  return high - low <= INTERVAL_MAX * median
}

/**
 * How many of the smallest values, and of the largest, lie outside the interval of the median, whatever
 * the values are distributed like: each is above the median with a chance of one half.
 */
function ranksLeftOut(count: number): number {
  let chance = 0.5 ** count
  let sum = chance
  let rank = 0
  while (sum <= TAIL) {
    rank += 1
    chance *= (count - rank + 1) / rank
    sum += chance
  }
  return Math.max(0, rank - 1)
}
