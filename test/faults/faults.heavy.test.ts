import { loadFaults } from './runner.ts'
import { testFaults } from './test-faults.ts'

/** One minute for the faults of each engine; `npm run test:faults` takes fifteen. */
const EFFORT = 0.15
/** A daemon is dead after 30 s without a heartbeat, and five processes start before that. */
const TIMEOUT_MS = 120_000

testFaults(await loadFaults(), { effort: EFFORT, timeoutMs: TIMEOUT_MS })
