import type { Fault, World } from '../faults/fault.ts'
import { findPresenceProblems } from '../faults/presence.ts'
import { SHARED_LOAD, SHARED_MEMBERS } from '../faults/shared-fault.ts'
import { ClusterDatabase } from './cluster-database.ts'
import { whyNoGalera } from './galera.ts'
import { whyNoHaproxy } from './haproxy.ts'

/** What a fault of the cluster happens to. */
export interface ClusterWorld extends World {
  database: ClusterDatabase
}

interface ClusterFault extends Omit<Fault, 'run' | 'findProblems' | 'database' | 'members'> {
  /** Options of each server, beside those that the README asks for. */
  serverOptions?: string[]
  run(world: ClusterWorld): Promise<void>
}

/** A fault of two APIs and three daemons on three Galera nodes, all behind HAProxy. */
export function clusterFault({ serverOptions = [], ...fault }: ClusterFault): Fault {
  return {
    ...fault,
    members: SHARED_MEMBERS,
    database: () => ClusterDatabase.start(serverOptions),
    missing: whyNoCluster,
    load: { ...SHARED_LOAD, ...fault.load },
    prepare: leadClients,
    run: (world) => fault.run(withDatabase(world)),
    findProblems: (world) => findPresenceProblems(withDatabase(world)),
  }
}

/** A fault of the shared engine, once more on the cluster. */
export function onCluster(fault: Fault): Fault {
  const missing = () => fault.missing?.() ?? whyNoCluster()
  const database = () => ClusterDatabase.start()
  return { ...fault, database, missing, prepare: leadClients, isLong: true }
}

/** Clients, too, come by HAProxy. */
async function leadClients(world: World): Promise<void> {
  const { haproxy } = withDatabase(world).database
  Object.assign(world.auditor.addresses, await haproxy.leadTo(world.service))
}

function whyNoCluster(): string | undefined {
  return whyNoGalera() ?? whyNoHaproxy()
}

function withDatabase(world: World): ClusterWorld {
  return { ...world, database: world.service.storage as ClusterDatabase }
}
