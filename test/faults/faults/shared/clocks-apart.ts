import { setTimeout as delay } from 'node:timers/promises'
import { Device } from '../../../support/clients.ts'
import { ask } from '../../ask.ts'
import { faketime, whyNoFaketime } from '../../faketime.ts'
import type { Member } from '../../member.ts'
import { shown } from '../../presence.ts'
import { type SharedStorage, type SharedWorld, sharedFault } from '../../shared-fault.ts'

/** Ten minutes from one to the other; the third daemon is right. */
const OFFSETS: Partial<Record<Member, string>> = {
  'chat-api': '-5m',
  'chat-websocket': '-5m',
  'chat-api-2': '+5m',
  'chat-websocket-2': '+5m',
}
const LASTING_MS = 15_000
/** Times are whole seconds, heartbeats come every five. */
const WRONG_SECONDS_MAX = 20

/** What was written meanwhile is no older, in seconds. */
const AGE_MAX = 120
const TIMES = [
  ['messages', 'created_at'],
  ['users', 'last_seen_at'],
  ['connections', 'connected_at'],
  ['daemons', 'polled_at'],
]
/** Users who come and go, one at each daemon. */
const GUEST_IDS = [3_001, 3_002, 3_003]

/** Who is online, what is old and what is new is decided by the database's clock. */
export const fault = sharedFault<SharedStorage>({
  name: 'the clocks of two hosts ten minutes apart',
  isLong: true,
  missing: whyNoFaketime,
  settings: (_folder, member) => {
    const offset = OFFSETS[member]
    return offset === undefined ? {} : faketime({ FAKETIME: offset })
  },
  load: { staysMsMax: 3_000 },
  async run(world) {
    const { service } = world
    const guests = await welcome(world)
    await delay(LASTING_MS / 2)
    for (const guest of guests) guest.disconnect()
    await Promise.all(GUEST_IDS.map((userId) => shown(world, userId, false)))
    for (const member of Object.keys(OFFSETS) as Member[]) {
      await service.kill(member)
      await service.start(member)
    }
    await delay(LASTING_MS / 2)
    await assertTimesRight(world)
    await assertHealthRight(world)
  },
})

async function welcome(world: SharedWorld): Promise<Device[]> {
  const guests = GUEST_IDS.map((userId) => new Device(userId))
  const urls = world.service.daemons.map((member) => world.service.urlOf(member))
  await Promise.all(guests.map((guest, index) => guest.connect(urls[index] as string)))
  await Promise.all(GUEST_IDS.map((userId) => shown(world, userId, true)))
  return guests
}

async function assertTimesRight({ database }: SharedWorld): Promise<void> {
  for (const [table, column] of TIMES) {
    const [ages] = await database.query<{ min: number | null; max: number | null }>(
      `SELECT MIN(age) AS min, MAX(age) AS max
      FROM (SELECT TIMESTAMPDIFF(SECOND, ${column}, UTC_TIMESTAMP()) AS age FROM ${table}) AS ages`,
    )
    const { min, max } = ages ?? { min: null, max: null }
    const isRight = min !== null && max !== null && min >= -WRONG_SECONDS_MAX && max <= AGE_MAX
    if (!isRight) throw new Error(`${table}.${column} is ${min} to ${max} s ago`)
  }
}

async function assertHealthRight({ service }: SharedWorld): Promise<void> {
  for (const api of service.apis) {
    const { text } = await ask(`${service.urlOf(api)}/health`)
    const polledAt = Date.parse(`${JSON.parse(text).data.daemon_polled_at}Z`)
    const wrongSeconds = Math.abs(Date.now() - polledAt) / 1000
    if (wrongSeconds > WRONG_SECONDS_MAX) throw new Error(`${api} says ${text}`)
  }
}
