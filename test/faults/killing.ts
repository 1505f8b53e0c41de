import { setTimeout as delay } from 'node:timers/promises'
import type { Program } from '../support/running-program.ts'
import type { World } from './fault.ts'

/** Long enough to be in the middle of something. */
const ALIVE_MS_MAX = 700

/** Kills programs together, at random moments, and starts them again; asks `status` of the first. */
export async function killAgainAndAgain(
  { service, random, scaled }: World,
  programs: Program[],
  fullKills: number,
): Promise<void> {
  const kills = scaled(fullKills)
  for (let kill = 1; kill <= kills; kill += 1) {
    await delay(random.next() * ALIVE_MS_MAX)
    await Promise.all(programs.map((program) => service.kill(program)))
    if (kill === 1) await Promise.all(programs.map((program) => service.status(program)))
    await Promise.all(programs.map((program) => service.start(program)))
  }
}
