import { once } from 'node:events'
import { expect, test } from 'vitest'
import { connect, type TestSocket } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { FLOODS, FrameFlood } from '../support/frames.ts'
import { startDaemon } from '../support/processes.ts'

const ATTACKERS = 20
const ATTACK_MS = 3_000
const WAIT_MS_MAX = 250
/** Forty pings a second: within the limits. */
const PAUSE_MS = 25

// Tried again: the machine may have kept them waiting. A stall of the daemon would come back.
test.each([
  ...Object.keys(FLOODS).flatMap((kind) => [
    [kind, 'one user', () => 1] as const,
    [kind, '20 users', (attacker: number) => attacker] as const,
  ]),
  ['pongs', 'clients that were refused', () => 0] as const,
])('%s of %s, as fast as they can, keep nobody waiting', { retry: 2 }, async (kind, _, userOf) => {
  const { program, url } = await startDaemon(temporaryFolder())
  const healthy = await connect(url, 1_000)
  const floods = Array.from({ length: ATTACKERS }, (_, at) => {
    const bytes = FLOODS[kind as keyof typeof FLOODS]
    return new FrameFlood(`${url}/?user_id=${userOf(at + 1)}`, bytes)
  })

  const longestMs = await longestWait(healthy, ATTACK_MS)

  for (const flood of floods) flood.stop()
  expect(longestMs).toBeLessThan(WAIT_MS_MAX)
  expect(floods.reduce((sum, { cutCount }) => sum + cutCount, 0)).toBeGreaterThan(0)
  await healthy.settled()
  expect(program.output).not.toMatch(/ error /)
})

/** Pings for so long; resolves with the longest that a pong took. */
async function longestWait({ socket }: TestSocket, durationMs: number): Promise<number> {
  const startedAt = performance.now()
  let longestMs = 0
  while (performance.now() - startedAt < durationMs) {
    const askedAt = performance.now()
    socket.send('{"event":"ping"}')
    await once(socket, 'message')
    longestMs = Math.max(longestMs, performance.now() - askedAt)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return longestMs
}
