import { loadFaults } from './runner.ts'
import { testFaults } from './test-faults.ts'

/** One minute for the faults of each engine; `npm run test:faults` takes fifteen. */
const EFFORT = 0.15

testFaults(await loadFaults(), { effort: EFFORT, timeoutMs: 60_000 })
