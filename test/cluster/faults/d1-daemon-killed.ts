import { fault as shared } from '../../faults/faults/shared/daemon-killed.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `D1 ${shared.name}` })
