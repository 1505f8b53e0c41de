import type { Fault } from '../fault.ts'
import { killAgainAndAgain } from '../killing.ts'

/**
 * Delivered events are deleted once a second: at any moment some are delivered and not deleted. And when
 * a message is acknowledged, the daemon has just been woken by it. Whoever does not say what they had
 * depends on the events alone.
 */
export const fault: Fault = {
  name: 'kill -9 of the daemon between send and delete',
  load: { pauseMsMax: 10, plainUsers: 24 },
  expectSaid: {
    health: [/^200 .*"daemon":"stopped"/],
    status: [/"chat-websocket","running":false/],
  },
  run: (world) =>
    killAgainAndAgain(world, {
      victims: () => ['chat-websocket'],
      moments: ['acknowledged', 'delivered'],
      times: 17,
    }),
}
