import { waitFor } from '../../support/wait.ts'
import type { Fault, World } from '../fault.ts'
import { NetworkProxy } from '../network-proxy.ts'

const TIMES = 3
const FINE = { cut: 0, halved: 0, delayed: 0, delayMsMax: 0 }

/** Everybody's network falls silent; they come back another way, and the daemon cuts what is left. */
export const fault: Fault = {
  name: 'half-open sockets',
  settings: () => ({ CHAT_PING_INTERVAL_MS: '1000' }),
  load: { plainUsers: 0 },
  async run(world) {
    const times = world.scaled(TIMES)
    for (let time = 0; time < times; time += 1) await fallSilent(world)
  },
}

async function fallSilent({ service, auditor, random }: World): Promise<void> {
  const proxy = await NetworkProxy.open(service.daemonUrl, FINE, random.fork())
  auditor.addresses.daemonUrls = [`ws://127.0.0.1:${proxy.port}`]
  auditor.reconnect()
  await waitFor(() => auditor.isEverybodyThere, 'everybody to be behind the network')
  await auditor.next('delivered')
  const before = auditor.connectCount
  proxy.fallSilent()
  auditor.addresses.daemonUrls = [service.daemonUrl]
  auditor.reconnect()
  const { receiverCount } = auditor
  await waitFor(() => auditor.connectCount === before + receiverCount, 'everybody to come back')
  const socketCount = () => service.metric('chat-websocket', 'chat_connections')
  const isCut = async () => (await socketCount()) === receiverCount
  await waitFor(isCut, 'the daemon to cut the dead sockets')
  await proxy.close()
}
