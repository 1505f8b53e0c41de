import { fault as shared } from '../../faults/faults/shared/open-transaction.ts'
import { onCluster } from '../cluster-fault.ts'

export const fault = onCluster({ ...shared, name: `P1 ${shared.name}` })
