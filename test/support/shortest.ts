const RUNS = 10

/** The shortest of some runs, in ms: the machine has other things to do. */
export async function shortestMs(run: () => Promise<unknown>): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY
  for (let count = 1; count <= RUNS; count += 1) {
    const startedAt = performance.now()
    await run()
    shortest = Math.min(shortest, performance.now() - startedAt)
  }
  return shortest
}
