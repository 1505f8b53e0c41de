import type { Fault } from '../fault.ts'
import { killAgainAndAgain } from '../killing.ts'

/** Delivered events are deleted once a second: at any moment some are delivered and not deleted. */
export const fault: Fault = {
  name: 'kill -9 of the daemon between send and delete',
  expectSaid: {
    health: [/^200 .*"daemon":"stopped"/],
    status: [/"chat-websocket","running":false/],
  },
  run: (world) =>
    killAgainAndAgain(world, { programs: ['chat-websocket'], moment: 'delivered', times: 17 }),
}
