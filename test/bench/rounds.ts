import { isPrecise, pairedRatio } from './statistics.ts'

/** By then, what is not precise is too noisy. */
const ROUNDS_MAX = 20

/**
 * Measures contenders in turn, in every second round backwards, so that whatever else the machine does
 * falls on all of them alike.
 *
 * @param rounds at least
 * @param value adds rounds until the ratios of this value, the first contender's to each other's, are
 *   precise, or there are ROUNDS_MAX
 */
export async function alternate<Result>(
  rounds: number,
  contenders: Record<string, () => Promise<Result>>,
  value?: (result: Result) => number,
): Promise<Record<string, Result[]>> {
  const entries = Object.entries(contenders)
  const results: Record<string, Result[]> = {}
  for (const [name] of entries) results[name] = []
  const isEnough = () => value === undefined || arePrecise(Object.values(pick(results, value)))
  for (let round = 0; round < rounds || !(isEnough() || round >= ROUNDS_MAX); round += 1) {
    for (const [name, measure] of round % 2 ? entries.toReversed() : entries) {
      results[name]?.push(await measure())
    }
  }
  return results
}

/** One number out of each result. */
export function pick<Result>(
  results: Record<string, Result[]>,
  value: (result: Result) => number,
): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => [name, rounds.map(value)]),
  )
}

function arePrecise([subject = [], ...others]: number[][]): boolean {
  return others.every((other) => isPrecise(pairedRatio(subject, other)))
}
