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
