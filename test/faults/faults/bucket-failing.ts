import { setTimeout as delay } from 'node:timers/promises'
import type { Harm } from '../../support/s3/proxy.ts'
import type { Fault } from '../fault.ts'
import { killAgainAndAgain } from '../killing.ts'
import type { Random } from '../random.ts'

const OUTAGE_MS = 3_000
const SLOW_DOWN: Harm = { refusal: { status: 503, code: 'SlowDown' } }
const FULL: Harm = { refusal: { status: 507, code: 'InsufficientStorage' } }

/** Of every ten requests three are harmed; while nothing is kept at all, texts go on. */
export const fault: Fault = {
  name: 'bucket slow, cut off, refusing and full, and kill -9 of the API',
  hasBucket: true,
  load: { files: 0.3 },
  async run(world) {
    const { service, random, scaled } = world
    const proxy = service.bucket?.proxy
    if (proxy === undefined) throw new Error('There is no bucket')
    // What a process asks for when it starts, it has to get.
    const isAtStart = (asked: string) => asked === 'GET'
    proxy.harm = (asked) => (isAtStart(asked) ? undefined : weather(random))
    await killAgainAndAgain(world, {
      victims: () => ['chat-api'],
      moments: ['acknowledged'],
      times: 12,
    })
    proxy.harm = (asked) => (isAtStart(asked) ? undefined : FULL)
    await delay(scaled(OUTAGE_MS))
    proxy.harm = () => undefined
  },
}

function weather(random: Random): Harm | undefined {
  const kinds: Harm[] = [
    SLOW_DOWN,
    { cutsBodyAt: random.integer(0, 60_000) },
    { cutsAnswerAt: 0 },
    { delayMs: random.integer(1, 200) },
  ]
  return random.next() < 0.3 ? random.pick(kinds) : undefined
}
