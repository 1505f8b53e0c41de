import { expect, test } from 'vitest'
import { loadFaults, runFault, whyLeftOut } from '../faults/runner.ts'

const SEED = Date.now() % 2 ** 32
/** The shortest; `npm run test:cluster` takes a quarter of an hour. */
const EFFORT = 0.5
/** Three nodes start one after the other. */
const TIMEOUT_MS = 180_000

const faults = await loadFaults([], new URL('faults/', import.meta.url))
for (const fault of faults.filter(({ isLong }) => !isLong)) {
  const reason = whyLeftOut(fault)
  const leftOut = reason === undefined ? '' : ` (left out: ${reason})`
  test.skipIf(leftOut !== '')(
    `nothing acknowledged is lost: ${fault.name}${leftOut}`,
    async () => {
      const row = await runFault(fault, { seed: SEED, effort: EFFORT })
      const { lost, repeated, outOfOrder, problems } = row
      const clean = { lost: 0, repeated: 0, outOfOrder: 0, problems: [] }
      expect({ lost, repeated, outOfOrder, problems }, `seed ${SEED}`).toEqual(clean)
      expect(row.acknowledged).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
}
