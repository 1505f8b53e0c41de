import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { RunningProcess } from '../support/running-program.ts'

const SOAK = fileURLToPath(new URL('soak.ts', import.meta.url))

test('a short soak runs, audits what it sent and tells of every figure', async () => {
  const soak = new RunningProcess(process.execPath, ['--import', 'tsx', SOAK, '--minutes', '0.2'], {
    env: process.env,
  })

  const code = await soak.exit()

  expect(soak.output).toMatch(
    /^\d{3,} messages acknowledged, 0 lost, 0 repeated, 0 out of order; \d{2,} other requests, \d{2,} connects$/m,
  )
  expect(soak.output.match(/^\| .* \| (ok|HAS GROWN) \|$/gm)).toHaveLength(7)
  // In a few seconds the memory may still be growing to its usual size: all else must be well.
  const hasGrown = soak.output.match(/^\| (?!chat-\S+ memory).*HAS GROWN/gm)
  expect(hasGrown, soak.output).toBeNull()
  expect(code).toBe(soak.output.includes('HAS GROWN') ? 1 : 0)
}, 60_000)
