import { fault as shared } from '../../faults/faults/shared/rolling-restart.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `${shared.name}` })
