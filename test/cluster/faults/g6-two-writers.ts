import { setTimeout as delay } from 'node:timers/promises'
import { clusterFault } from '../cluster-fault.ts'

const LASTING_MS = 15_000

/** Not how it is to be set up: slower, since nodes find out at the commit that they disagree. */
export const fault = clusterFault({
  name: 'G6 each API and daemon writes to another node',
  async run({ service, database }) {
    for (const [index, member] of service.members.entries()) {
      const node = database.galera.nodes[index % database.galera.nodes.length]
      service.configure(member, database.settingsAt(node?.port ?? 0))
      await service.terminate(member)
      await service.start(member)
    }
    await delay(LASTING_MS)
  },
})
