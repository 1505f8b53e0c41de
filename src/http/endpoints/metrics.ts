import type { Endpoint } from '../endpoint.ts'
import { TextAnswer } from '../response.ts'

/** GET /metrics: the metrics of this process, for Prometheus. */
export const metrics: Endpoint = {
  methods: ['GET'],
  access: 'operator',
  handle: async ({ metrics: { registry } }) => {
    return new TextAnswer(await registry.text(), registry.contentType)
  },
}
