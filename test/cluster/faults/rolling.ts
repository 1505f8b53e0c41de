import { clusterFault } from '../cluster-fault.ts'

const TIMES = 2

/** One process after the other, as for a new version: no new clients, then a graceful restart. */
export const fault = clusterFault({
  name: 'graceful rolling restart of all five processes',
  waitsMsMax: 5_000,
  async run({ service, database, scaled }) {
    const { haproxy } = database
    const times = scaled(TIMES)
    for (let time = 0; time < times; time += 1) {
      for (const member of service.members) {
        await haproxy.drain(member)
        await service.terminate(member)
        await service.start(member)
        await haproxy.ready(member)
      }
    }
  },
})
