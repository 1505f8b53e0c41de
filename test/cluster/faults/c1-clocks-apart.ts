import { fault as shared } from '../../faults/faults/shared/clocks-apart.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `C1 ${shared.name}` })
