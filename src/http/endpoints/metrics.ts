import { requireOperator } from '../../auth.ts'
import type { Endpoint } from '../endpoint.ts'
import { TextAnswer } from '../response.ts'

/** GET /metrics: what this process counts, for Prometheus. */
export const metrics: Endpoint = async ({ request, metrics: { registry }, metricsSecret }) => {
  requireOperator(request, metricsSecret)
  return new TextAnswer(await registry.text(), registry.contentType)
}
