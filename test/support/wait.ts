const CHECK_INTERVAL_MS = 5

/** Resolves as soon as `condition` holds; rejects, naming `what`, when it does not in time. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 15_000,
): Promise<void> {
  // Not by Date: some tests set the clock.
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, CHECK_INTERVAL_MS))
  }
}

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
