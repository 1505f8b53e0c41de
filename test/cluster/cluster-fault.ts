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

/** A fault of two APIs and three daemons on three Galera nodes behind HAProxy. */
export function clusterFault({ serverOptions = [], ...fault }: ClusterFault): Fault {
  return {
    ...fault,
    members: SHARED_MEMBERS,
    database: () => ClusterDatabase.start(serverOptions),
    missing: whyNoCluster,
    load: { ...SHARED_LOAD, ...fault.load },
    run: (world) => fault.run(withDatabase(world)),
    findProblems: (world) => findPresenceProblems(withDatabase(world)),
  }
}

/** A fault of the shared engine, once more on the cluster. */
export function onCluster(fault: Fault): Fault {
  const missing = () => fault.missing?.() ?? whyNoCluster()
  return { ...fault, database: () => ClusterDatabase.start(), missing, isLong: true }
}

function whyNoCluster(): string | undefined {
  return whyNoGalera() ?? whyNoHaproxy()
}

function withDatabase(world: World): ClusterWorld {
  return { ...world, database: world.service.storage as ClusterDatabase }
}
