/** Measures contenders in turn, so that whatever else the machine does falls on all of them alike. */
export async function alternate<Result>(
  rounds: number,
  contenders: Record<string, () => Promise<Result>>,
): Promise<Record<string, Result[]>> {
  const results: Record<string, Result[]> = {}
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(contenders)) {
      results[name] ??= []
      results[name].push(await measure())
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
