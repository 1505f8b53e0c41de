import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../../support/wait.ts'
import { clusterFault } from '../cluster-fault.ts'

const ALONE_MS = 8_000

/** The one that is left is no majority: it takes no writes until another is back. */
export const fault = clusterFault({
  name: 'G3 kill -9 of two nodes of three, then both back',
  async run({ database, auditor }) {
    await auditor.next('acknowledged')
    const writer = await database.writer()
    const others = database.galera.nodes.filter((node) => node !== writer)
    await Promise.all(others.map((node) => node.kill()))
    await waitFor(() => auditor.isRefused, 'sends to be answered 503')
    await delay(ALONE_MS)
    // It cannot know that the others are dead and not cut off: an operator says so.
    await writer.use((root) => root.query("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'"))
    for (const node of others) await node.start()
  },
})
