import { fault as shared } from '../../faults/faults/shared/api-killed.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `A1 ${shared.name}` })
