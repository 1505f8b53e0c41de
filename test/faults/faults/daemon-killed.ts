import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'

const KILLS = 17

/** Delivered events are deleted once a second: at most moments some are delivered and not deleted. */
export const fault: Fault = {
  name: 'kill -9 of the daemon between send and delete',
  expectSaid: { health: [/^200 .*"daemon":"stopped"/], status: [/"running":false/] },
  async run({ service, random, scaled }) {
    for (let kills = 0; kills < scaled(KILLS); kills += 1) {
      await delay(random.integer(0, 1_000))
      await service.kill('chat-websocket')
      if (kills === 0) await service.status('chat-websocket')
      await service.start('chat-websocket')
    }
  },
}
