import { median } from './statistics.ts'

/** What a figure is to reach: a value of its own, or (with `of`) a ratio to another contender. */
export interface Target {
  bound: 'at least' | 'at most'
  value: number
  of?: string
}

/** One row of the table. */
export interface Figure {
  name: string
  unit: string
  /** What was measured in each round, by contender. The first one is what the row is about. */
  rounds: Record<string, number[]>
  targets?: Target[]
  /** A figure about the worst moment is not a median. */
  summary?: 'median' | 'worst'
}

/** Rounds further apart than this, as a part of their median, say little. */
const SPREAD_MAX = 0.6

export function contendersOf({ rounds }: Figure): string[] {
  return Object.keys(rounds)
}

/** The one number for all rounds of a contender. */
export function summaryOf(figure: Figure, contender = contendersOf(figure)[0] ?? ''): number {
  const values = figure.rounds[contender] ?? []
  return figure.summary === 'worst' ? Math.max(...values) : median(values)
}

/** The figure's own value by another contender's. */
export function ratioTo(figure: Figure, contender: string): number {
  return summaryOf(figure) / summaryOf(figure, contender)
}

export function isMet(figure: Figure, { bound, value, of }: Target): boolean {
  const measured = of === undefined ? summaryOf(figure) : ratioTo(figure, of)
  return bound === 'at least' ? measured >= value : measured <= value
}

/** The contenders whose rounds are too far apart to conclude anything from. */
export function noisyContenders(figure: Figure): string[] {
  if (figure.summary === 'worst') return []
  return contendersOf(figure).filter((contender) => {
    const values = figure.rounds[contender] ?? []
    return (Math.max(...values) - Math.min(...values)) / median(values) > SPREAD_MAX
  })
}
