import { expect, onTestFinished, test } from 'vitest'
import { startChat } from '../support/processes.ts'
import { HealthyClients } from './healthy-clients.ts'
import { COSTLY_JSON, post } from './request.ts'
import { Wire } from './wire.ts'

const BODY_BYTES = 2_000_000
const TRIES = 5
const STALL_MS_MAX = 100

async function statusOf(url: string, request: string): Promise<number | undefined> {
  const statuses: number[] = []
  const onAnswer = (status: number) => void statuses.push(status)
  const wire = await Wire.open(url, { localAddress: '127.0.0.1', onAnswer })
  onTestFinished(() => wire.hangUp())
  await wire.ask(request)
  return statuses[0]
}

test.each(Object.entries(COSTLY_JSON))(
  '2 MB of JSON that costs its reader (%s) are refused, and hold nobody up',
  async (_, compose) => {
    const { api, daemon } = await startChat()
    const pids = { api: api.program.pid, daemon: daemon.program.pid }
    const clients = await HealthyClients.start({ apiUrl: api.url, daemonUrl: daemon.url, pids })
    const request = post('/send_chat_message.php', compose(BODY_BYTES))

    const statuses: (number | undefined)[] = []
    for (let count = 0; count < TRIES; count += 1) statuses.push(await statusOf(api.url, request))
    await clients.stop()

    expect(statuses).toEqual(Array(TRIES).fill(413))
    expect(clients.failures).toEqual([])
    expect(clients.httpWaits.longestMs).toBeLessThan(STALL_MS_MAX)
  },
)
