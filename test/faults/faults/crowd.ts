import { Crowd } from '../../support/crowd.ts'
import type { Fault } from '../fault.ts'

const SOCKETS = 5_000
const FIRST_USER_ID = 100_000

/** All at once, as after the daemon was gone for a minute; and all gone at once again. */
export const fault: Fault = {
  name: '5,000 sockets come at once and leave at once',
  async run({ service, auditor, scaled }) {
    const connects = auditor.connectCount
    const crowd = new Crowd(service.daemonUrl)
    await crowd.join(FIRST_USER_ID, scaled(SOCKETS))
    const { lostCount } = crowd
    await crowd.leave()
    if (lostCount > 0) throw new Error(`${lostCount} sockets were hung up on`)
    if (auditor.connectCount !== connects) throw new Error('the others did not stay')
  },
}
