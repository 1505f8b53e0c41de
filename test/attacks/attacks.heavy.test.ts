import { expect, test } from 'vitest'
import { besiege } from './siege.ts'
import { brokenPromises, PROMISES } from './verdict.ts'

/** `npm run test:attacks` takes ten minutes, and is stricter: here other tests run beside it. */
const MILLISECONDS = 5_000
const GENEROUS = { ...PROMISES, stallMsMax: 1_000, memoryGrowthMbMax: 160 }

for (const mode of ['none', 'jwt'] as const) {
  test(`attacked from all sides in mode ${mode}, the service goes on`, {
    timeout: 120_000,
  }, async () => {
    const seed = Date.now() % 2 ** 32
    console.log(`seed ${seed} (npm run test:attacks -- --mode ${mode} --seed ${seed})`)

    const outcome = await besiege(mode, { seed, milliseconds: MILLISECONDS })

    // Not only refusals: what they do gets through to the inside.
    expect(outcome.answers['api 200']).toBeGreaterThan(0)
    expect(outcome.answers['daemon 101']).toBeGreaterThan(0)
    expect(brokenPromises(outcome, GENEROUS)).toEqual([])
  })
}
