import { setTimeout as delay } from 'node:timers/promises'
import type { Moment } from './auditor.ts'
import type { World } from './fault.ts'
import type { Member } from './member.ts'

/** Long enough to be in the middle of something. */
const ALIVE_MS_MAX = 700

interface Killing {
  /** Who is killed together, each time. */
  victims: () => Member[]
  moments: Moment[]
  times: number
}

/**
 * Kills processes together and starts them again: at random, and at the very moments when something
 * has just been promised, or told. Asks `status` after the first.
 */
export async function killAgainAndAgain(
  { service, auditor, random, scaled }: World,
  { victims, moments, times }: Killing,
): Promise<void> {
  const kills = scaled(times)
  for (let kill = 1; kill <= kills; kill += 1) {
    await delay(random.next() * ALIVE_MS_MAX)
    const moment = moments[kill % (moments.length + 1)]
    if (moment !== undefined) await auditor.next(moment)
    const killed = victims()
    await Promise.all(killed.map((member) => service.kill(member)))
    if (kill === 1) await Promise.all(killed.map((member) => service.status(member)))
    await Promise.all(killed.map((member) => service.start(member)))
  }
}
