import { loadFaults } from '../faults/runner.ts'
import { testFaults } from '../faults/test-faults.ts'

/** The shortest; `npm run test:cluster` takes a quarter of an hour. */
const EFFORT = 0.5
/** Three nodes start one after the other. */
const TIMEOUT_MS = 180_000

const faults = await loadFaults([], new URL('faults/', import.meta.url))
testFaults(faults, { effort: EFFORT, timeoutMs: TIMEOUT_MS })
