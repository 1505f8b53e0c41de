import { describe, expect, test } from 'vitest'
import { HERE, readAll } from '../store/opened-store.ts'
import { port, TestDatabase } from './open-mysql.ts'

const ADA = 1
const ELSEWHERE = { ...HERE, address: 'ws://192.0.2.1:8089' }

describe.skipIf(port === undefined)('presence of several daemons', () => {
  test('who has moved to another daemon is online, whichever announces last', async () => {
    const database = new TestDatabase()
    const [former, latter] = [(await database.open()).store, (await database.open()).store]
    const { daemonId } = await latter.daemons.register(ELSEWHERE)
    const profile = { userId: ADA, address: '192.0.2.2', profile: {} }
    const { connectionId } = await latter.connections.connect({ daemonId, ...profile })
    await latter.connections.announce(new Map([[ADA, true]]))
    await former.connections.announce(new Map([[ADA, false]]))
    await latter.connections.disconnect({ connectionId, userId: ADA, seenAt: new Date() })
    await former.connections.announce(new Map([[ADA, true]]))

    const events = await readAll(latter.events.tail())
    const statuses = events.map(({ data }) => JSON.parse(String(data)).status)
    expect(statuses).toEqual(['online', 'online', 'offline'])
  })
})
