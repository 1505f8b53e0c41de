import { fault as shared } from '../../faults/faults/shared/daemon-frozen-long.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `D2 ${shared.name}` })
