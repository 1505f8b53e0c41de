import type { Fault } from '../fault.ts'
import { killAgainAndAgain } from '../killing.ts'

export const fault: Fault = {
  name: 'kill -9 of both at once',
  expectSaid: {
    status: [/"chat-api","running":false/, /"chat-websocket","running":false/],
  },
  run: (world) =>
    killAgainAndAgain(world, {
      victims: () => ['chat-api', 'chat-websocket'],
      moments: ['acknowledged'],
      times: 16,
    }),
}
