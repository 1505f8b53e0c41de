import { expect, test } from 'vitest'
import { loadFaults, runFault, whyLeftOut } from './runner.ts'

const SEED = Date.now() % 2 ** 32
/** One minute for the faults of each engine; `npm run test:faults` takes fifteen. */
const EFFORT = 0.15

for (const fault of (await loadFaults()).filter(({ isLong }) => !isLong)) {
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
    60_000,
  )
}
