import type { World } from '../../fault.ts'
import { acknowledgedId, type Delivery, type Send } from '../../ledger.ts'
import type { Member } from '../../member.ts'
import { NetworkProxy } from '../../network-proxy.ts'
import { type SharedStorage, type SharedWorld, sharedFault } from '../../shared-fault.ts'

const TIMES = 14
/** Now and then the answer is there before the kill: then it is tried again, so many times at most. */
const MOST_TIMES = 20
/** Long enough for a daemon to deliver what an API does not know to be committed. */
const SLOW = { cut: 0, halved: 0, delayed: 1, delayMsMax: 40 }

/**
 * The answer to COMMIT is on its way to the API while its message is at the receiver: at that moment
 * the API is killed. The other one is asked to send the same again.
 */
export const fault = sharedFault<SharedStorage>({
  name: 'kill -9 of an API between COMMIT and answer',
  load: { nameless: 0.2 },
  async run(world) {
    const speedUp = await slowDown(world)
    const times = world.scaled(TIMES)
    const kills: Kill[] = []
    while (kills.length < times || (kills.length < MOST_TIMES && !kills.some(hasInterrupted))) {
      kills.push(await killOne(world))
    }
    await speedUp()
    if (!kills.some(hasInterrupted)) throw new Error('no send was interrupted, and tried again')
  },
})

/** An API was killed once `delivery` was here, the answer to `send` perhaps not. */
interface Kill {
  send: Send
  delivery: Delivery
}

/** Whether the send was tried again, and is the message that had been delivered. */
function hasInterrupted({ send, delivery }: Kill): boolean {
  return send.answers.length > 1 && acknowledgedId(send) === delivery.messageId
}

/**
 * Puts a slow network between the APIs and the database, and returns what takes it away. The daemons
 * keep their fast one.
 */
async function slowDown({ service, database, random }: SharedWorld): Promise<() => Promise<void>> {
  const restart = async (api: Member, databasePort: number) => {
    service.configure(api, database.settingsAt(databasePort))
    await service.terminate(api)
    await service.start(api)
  }
  const { port } = database
  const proxy = await NetworkProxy.open(`mysql://127.0.0.1:${port}`, SLOW, random.fork())
  for (const api of service.apis) await restart(api, proxy.port)
  return async () => {
    for (const api of service.apis) await restart(api, port)
    await proxy.close()
  }
}

async function killOne({ service, auditor, random }: World): Promise<Kill> {
  const sendOf = ({ body }: Delivery) => auditor.underWay.find((send) => send.body === body)
  const delivery = await auditor.nextDelivery((candidate) => sendOf(candidate) !== undefined)
  const send = sendOf(delivery) as Send
  // Behind a proxy it may be at either.
  const isAsked = (member: Member) => service.urlOf(member) === send.apiUrl
  const api = service.apis.find(isAsked) ?? random.pick(service.apis)
  await service.kill(api)
  await service.start(api)
  return { send, delivery }
}
