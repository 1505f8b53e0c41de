import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'

const TIMES = 4
const BETWEEN_MS_MAX = 500

/** Two daemons would each delete what the other has not told yet. */
export const fault: Fault = {
  name: 'a second daemon on the same database',
  async run({ service, random, scaled }) {
    const times = scaled(TIMES)
    const pid = service.pid('chat-websocket')
    for (let time = 0; time < times; time += 1) {
      await delay(random.next() * BETWEEN_MS_MAX)
      const { code, output } = await service.startSecond('chat-websocket')
      const isRefused = code === 1 && output.includes(`Another chat-websocket (pid ${pid})`)
      if (!isRefused) throw new Error(`a second daemon was not refused (${code}): ${output}`)
    }
  },
}
