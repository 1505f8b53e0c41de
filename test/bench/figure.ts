import { isPrecise, median, pairedRatio, type Ratio } from './statistics.ts'

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

export function contendersOf({ rounds }: Figure): string[] {
  return Object.keys(rounds)
}

/** The one number for all rounds of a contender. */
export function summaryOf(figure: Figure, contender = contendersOf(figure)[0] ?? ''): number {
  const values = figure.rounds[contender] ?? []
  return figure.summary === 'worst' ? Math.max(...values) : median(values)
}

/** The figure's own value by another contender's. */
export function ratioTo(figure: Figure, contender: string): Ratio {
  const [subject = ''] = contendersOf(figure)
  if (figure.summary !== 'worst') {
    return pairedRatio(figure.rounds[subject] ?? [], figure.rounds[contender] ?? [])
  }
  const ratio = summaryOf(figure) / summaryOf(figure, contender)
  return { median: ratio, low: ratio, high: ratio }
}

export function isMet(figure: Figure, { bound, value, of }: Target): boolean {
  const measured = of === undefined ? summaryOf(figure) : ratioTo(figure, of).median
  return bound === 'at least' ? measured >= value : measured <= value
}

/** The contenders to which the ratio is not precise. */
export function noisyContenders(figure: Figure): string[] {
  const [, ...others] = contendersOf(figure)
  return others.filter((contender) => !isPrecise(ratioTo(figure, contender)))
}
