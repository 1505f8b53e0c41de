import { setTimeout as delay } from 'node:timers/promises'
import type { Program } from '../support/running-program.ts'
import type { Moment } from './auditor.ts'
import type { World } from './fault.ts'

/** Long enough to be in the middle of something. */
const ALIVE_MS_MAX = 700

/**
 * Kills programs together and starts them again: at random moments, or at the very moment when
 * something has just been promised or told. Asks `status` after the first.
 */
export async function killAgainAndAgain(
  { service, auditor, random, scaled }: World,
  { programs, moment, times }: { programs: Program[]; moment: Moment; times: number },
): Promise<void> {
  const kills = scaled(times)
  for (let kill = 1; kill <= kills; kill += 1) {
    await delay(random.next() * ALIVE_MS_MAX)
    if (kill % 2 === 0) await auditor.next(moment)
    await Promise.all(programs.map((program) => service.kill(program)))
    if (kill === 1) await Promise.all(programs.map((program) => service.status(program)))
    await Promise.all(programs.map((program) => service.start(program)))
  }
}
