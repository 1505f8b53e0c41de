import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/folders.ts'
import { startChatPeer } from '../peers/chat.ts'
import { startFloor } from '../peers/floor.ts'
import type { Peer } from '../peers/peer.ts'
import { Chatter, PEOPLE } from './chatter.ts'

const CONTENDERS: [string, () => Promise<Peer>][] = [
  ['chat', () => startChatPeer(temporaryFolder())],
  ['floor', startFloor],
]

async function open(start: () => Promise<Peer>) {
  const peer = await start()
  onTestFinished(() => peer.stop())
  const chatter = await Chatter.open(peer)
  onTestFinished(() => chatter.close())
  return { peer, chatter }
}

test.for(CONTENDERS)(
  'every message that %s is driven with is answered and arrives once',
  async ([, start]) => {
    const { chatter } = await open(start)

    const flatOut = await chatter.sendFlatOut(0.5)
    const steady = await chatter.sendSteadily(200, 1)

    expect(flatOut.acknowledged).toBeGreaterThan(PEOPLE)
    expect(steady.acknowledged).toBe(200)
    for (const traffic of [flatOut, steady]) {
      const { acknowledged, acknowledgements, deliveries, server, loadCpu } = traffic
      expect(acknowledgements).toHaveLength(acknowledged)
      expect(deliveries).toHaveLength(acknowledged)
      for (const time of [...acknowledgements, ...deliveries]) expect(time).toBeGreaterThan(0)
      expect(Math.min(server.cpu, server.calls, loadCpu)).toBeGreaterThan(0)
    }
    expect(steady.seconds).toBeGreaterThanOrEqual(0.99)
  },
)

test('with nobody connected, what is sent is answered and nothing is waited for', async () => {
  const peer = await startFloor()
  onTestFinished(() => peer.stop())
  const chatter = await Chatter.open(peer, false)
  const { acknowledged, deliveries } = await chatter.sendSteadily(200, 0.5)
  expect([acknowledged, deliveries]).toEqual([100, []])
})

test('a send that is refused ends the measuring', async () => {
  const { peer, chatter } = await open(() =>
    startChatPeer(temporaryFolder(), { settings: { CHAT_RATE_LIMIT: '1' } }),
  )
  await expect(chatter.sendSteadily(200, 1)).rejects.toThrow('A send was answered 429')
  expect(peer.name).toBe('chat')
})
