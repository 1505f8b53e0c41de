import type { Fault } from '../fault.ts'
import { killAgainAndAgain } from '../killing.ts'

/** Everybody writes without a pause: at any moment a batch is under way. */
export const fault: Fault = {
  name: 'kill -9 of the API in mid-batch',
  load: { pauseMsMax: 5, files: 0.15 },
  expectSaid: { status: [/"chat-api","running":false/] },
  run: (world) =>
    killAgainAndAgain(world, { victims: () => ['chat-api'], moments: ['acknowledged'], times: 17 }),
}
