import { killAgainAndAgain } from '../../killing.ts'
import { sharedFault } from '../../shared-fault.ts'

/** Its clients go to the others, or come back to it. */
export const fault = sharedFault({
  name: 'kill -9 of one daemon after the other',
  run: (world) =>
    killAgainAndAgain(world, {
      victims: () => [world.random.pick(world.service.daemons)],
      moments: ['acknowledged', 'delivered'],
      times: 12,
    }),
})
