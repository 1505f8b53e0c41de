import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../fault.ts'
import { NetworkProxy } from '../network-proxy.ts'

const WEATHER = { cut: 0.01, halved: 0.01, delayed: 0.1, delayMsMax: 60 }
const LASTING_MS = 12_000
const BETWEEN_CUTS_MS_MAX = 1_500

/**
 * Between clients and both servers data is late, halved or lost with its connection, and now and then
 * all connections go at once. Those who resume miss nothing; the document's own client may.
 */
export const fault: Fault = {
  name: 'network cut, halved and delayed',
  load: { plainUsers: 0 },
  async run({ service, auditor, random, scaled }) {
    const api = await NetworkProxy.open(service.apiUrl, WEATHER, random.fork())
    const daemon = await NetworkProxy.open(service.daemonUrl, WEATHER, random.fork())
    auditor.addresses.apiUrls = [`http://127.0.0.1:${api.port}`]
    auditor.addresses.daemonUrls = [`ws://127.0.0.1:${daemon.port}`]
    auditor.reconnect()
    const endAt = performance.now() + scaled(LASTING_MS)
    while (performance.now() < endAt) {
      await delay(random.next() * BETWEEN_CUTS_MS_MAX)
      daemon.cutAll()
    }
    auditor.addresses.apiUrls = [service.apiUrl]
    auditor.addresses.daemonUrls = [service.daemonUrl]
    await Promise.all([api.close(), daemon.close()])
  },
}
