import { expect, test } from 'vitest'
import type { Fault } from './fault.ts'
import { runFault, whyLeftOut } from './runner.ts'

const SEED = Date.now() % 2 ** 32

/**
 * Registers a test for each fault that is not long.
 *
 * @param options as Effort; the timeout of each test
 */
export function testFaults(faults: Fault[], options: { effort: number; timeoutMs: number }): void {
  const { effort, timeoutMs } = options
  for (const fault of faults.filter(({ isLong }) => !isLong)) {
    const reason = whyLeftOut(fault)
    const leftOut = reason === undefined ? '' : ` (left out: ${reason})`
    test.skipIf(leftOut !== '')(
      `nothing acknowledged is lost: ${fault.name}${leftOut}`,
      async () => {
        const row = await runFault(fault, { seed: SEED, effort })
        const { lost, repeated, outOfOrder, problems } = row
        const clean = { lost: 0, repeated: 0, outOfOrder: 0, problems: [] }
        expect({ lost, repeated, outOfOrder, problems }, `seed ${SEED}`).toEqual(clean)
        expect(row.acknowledged).toBeGreaterThan(0)
      },
      timeoutMs,
    )
  }
}
