import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'

const TIMES = 8
const ALIVE_MS_MAX = 900

/** Half of all sends carry a file: at any moment one is on its way. */
export const fault: Fault = {
  name: 'SIGTERM of the API during uploads',
  load: { pauseMsMax: 10, files: 0.5 },
  async run({ service, random, scaled }) {
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      await delay(random.next() * ALIVE_MS_MAX)
      await service.terminate('chat-api')
      await service.start('chat-api')
    }
  },
}
