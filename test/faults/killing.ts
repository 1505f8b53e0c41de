import { setTimeout as delay } from 'node:timers/promises'
import type { Program } from '../support/running-program.ts'
import type { Moment } from './auditor.ts'
import type { World } from './fault.ts'

/** Long enough to be in the middle of something. */
const ALIVE_MS_MAX = 700

/**
 * Kills programs together and starts them again: at random, and at the very moments when something
 * has just been promised, or told. Asks `status` after the first.
 */
export async function killAgainAndAgain(
  { service, auditor, random, scaled }: World,
  { programs, moments, times }: { programs: Program[]; moments: Moment[]; times: number },
): Promise<void> {
  const kills = scaled(times)
  for (let kill = 1; kill <= kills; kill += 1) {
    await delay(random.next() * ALIVE_MS_MAX)
    const moment = moments[kill % (moments.length + 1)]
    if (moment !== undefined) await auditor.next(moment)
    await Promise.all(programs.map((program) => service.kill(program)))
    if (kill === 1) await Promise.all(programs.map((program) => service.status(program)))
    await Promise.all(programs.map((program) => service.start(program)))
  }
}
