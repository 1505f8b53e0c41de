import { clusterFault } from '../cluster-fault.ts'
import { fault as allKilled } from './g4-all-killed.ts'

/** What is said of Galera, "the other nodes have it", is of no help when all lose their memory. */
export const fault = clusterFault({
  ...allKilled,
  name: 'G4 the same with innodb_flush_log_at_trx_commit=0, which is wrong',
  serverOptions: ['innodb_flush_log_at_trx_commit=0'],
  mayLose: true,
})
