import { expect } from 'vitest'
import type { QueuedEvent } from '../../src/chat/model.ts'
import type { EventTail } from '../../src/chat/store.ts'
import { limits } from '../../src/limits/limits.ts'
import {
  byUser,
  dataOf,
  names,
  type Promises,
  queue,
  readAll,
  register,
  send,
} from './opened-store.ts'

export const events: Promises = {
  'what is broadcast is an event as it was given, for one user or for everybody': async (open) => {
    const { api, daemon } = await open()
    const ids = [
      await api.events.broadcast('shop:sale', 7, { text: 'ä' }),
      await api.events.broadcast('shop:closed', null, {}),
    ]
    const none = { messageId: null, subjectUserId: null }
    expect(byUser(await readAll(daemon.events.tail()))).toEqual([
      { eventId: ids[1], event: 'shop:closed', userId: null, data: '{}', ...none },
      { eventId: ids[0], event: 'shop:sale', userId: 7, data: '{"text":"ä"}', ...none },
    ])
    expect(await daemon.events.queuedCount()).toBe(2)
  },

  'what is too long, too deep or too large to be an event is refused': async (open) => {
    const { api, daemon } = await open()
    const { eventNameLength, eventDataLevels, eventDataBytes } = limits
    const longest = 'x'.repeat(eventNameLength.max)
    const largest = { text: 'x'.repeat(eventDataBytes.max - '{"text":""}'.length) }
    const deepest = levels(eventDataLevels.max)
    await api.events.broadcast(longest, null, largest)
    await api.events.broadcast('e', null, deepest)
    const refused = async (event: string, data: object, code: string) =>
      expect(api.events.broadcast(event, null, data)).rejects.toMatchObject({ code })
    await refused(`${longest}x`, {}, 'invalid')
    await refused('e', { deeper: deepest }, 'invalid')
    await refused('e', { text: `${largest.text}x` }, 'too_large')
    expect(await readAll(daemon.events.tail())).toHaveLength(2)
  },

  'a tail reads on from where it was, in the order of commits, whoever commits': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    expect(await readOn(tail)).toEqual([])
    await queue(api, 'first', 'second', 'third')
    expect(await readOn(tail)).toEqual(['first', 'second'])
    expect(await readOn(tail)).toEqual(['third'])
    expect(await readOn(tail)).toEqual([])
    await queue(daemon, 'of its own')
    expect(await readOn(tail)).toEqual(['of its own'])
    await queue(api, 'fifth')
    await queue(daemon, 'sixth')
    expect(await readOn(tail)).toEqual(['fifth', 'sixth'])
    expect(await readOn(tail)).toEqual([])
  },

  'events that are not acknowledged are read again': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await queue(api, 'first', 'second')
    const [first] = (await tail.read(10)) as [QueuedEvent]
    expect(names(await tail.read(10))).toEqual(['first', 'second'])
    tail.acknowledge(first)
    expect(names(await tail.read(10))).toEqual(['second'])
  },

  'what is for a receiver is read, and what is for all, whoever else there is': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await api.events.broadcast('for 2', 2, {})
    await queue(api, 'for all')
    await api.events.broadcast('for 1', 1, {})
    const found = names(await tail.read(10, new Map([[1, 'a socket']])))
    expect(found).toEqual(expect.arrayContaining(['for 1', 'for all']))
  },

  'a batch that is full just so hides nothing that comes after it': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await queue(api, 'first', 'second')
    expect(await readOn(tail)).toHaveLength(2)
    await queue(daemon, 'third')
    expect(await readOn(tail)).toEqual(['third'])
  },

  'each tail reads from the oldest event on': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await queue(api, 'first', 'second')
    expect(await readAll(tail)).toHaveLength(2)
    expect(names(await readAll(daemon.events.tail()))).toEqual(['first', 'second'])
    expect(names(await readAll(api.events.tail()))).toEqual(['first', 'second'])
  },

  'a tail that starts at the position of another goes on where that one stopped': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await queue(api, 'first', 'second', 'third')
    const start = tail.position
    expect(await readOn(tail)).toEqual(['first', 'second'])
    await tail.read(10)
    expect(names(await readAll(api.events.tail(tail.position)))).toEqual(['third'])
    expect(names(await readAll(api.events.tail(start)))).toEqual(['first', 'second', 'third'])
    expect(await readOn(tail)).toEqual(['third'])
    await queue(daemon, 'fourth')
    expect(names(await readAll(api.events.tail(tail.position)))).toEqual(['fourth'])
  },

  'a tail that reads on has lost nothing': async (open) => {
    const { api, daemon } = await open()
    const tail = daemon.events.tail()
    await queue(api, 'first', 'second', 'third')
    expect(await readOn(tail)).toHaveLength(2)
    while (await tail.deleteRead(new Set()));
    expect(await readOn(tail)).toHaveLength(1)
    expect(tail.takeGap()).toBeUndefined()
  },

  'how long the oldest event waits is told of a tail, of its position and of all': async (open) => {
    const offset = { ms: 0 }
    const { api, daemon } = await open({ now: () => new Date(Date.now() + offset.ms) })
    const tail = daemon.events.tail()
    const waited = async () => [
      await tail.waitedSeconds(),
      await api.events.waitedSeconds(tail.position),
      await api.events.waitedSeconds(),
    ]
    expect(await waited()).toEqual([0, 0, 0])
    await queue(api, 'first', 'second')
    offset.ms = 90_000
    const [ofTail = 0, ofPosition, ofAll] = await waited()
    // The engine's own clock need not begin its seconds with this one's.
    expect(Math.abs(ofTail - 90)).toBeLessThanOrEqual(5)
    expect([ofPosition, ofAll]).toEqual([ofTail, ofTail])
    await tail.read(10)
    expect(await tail.waitedSeconds()).toBeGreaterThan(0)
    await readAll(tail)
    expect((await waited()).slice(0, 2)).toEqual([0, 0])
  },

  'typing is an event for a receiver who is connected, and for nobody else': async (open) => {
    const { daemon } = await open()
    const connect = await register(daemon)
    await connect(2)
    await Promise.all([daemon.events.typing(1, 2, true), daemon.events.typing(1, 3, true)])
    await daemon.events.typing(1, 2, false)
    const told = await readAll(daemon.events.tail())
    expect(told.map(({ event, userId }) => [event, userId])).toEqual([
      ['chat:typing', 2],
      ['chat:typing', 2],
    ])
    expect(told.map(dataOf)).toEqual([
      { sender_id: 1, is_typing: true },
      { sender_id: 1, is_typing: false },
    ])
  },

  'typing stops at a block of either, and where it stops nothing is written': async (open) => {
    const { api, daemon } = await open()
    const connect = await register(daemon)
    await Promise.all([1, 2].map((userId) => connect(userId)))
    const type = () =>
      Promise.all([daemon.events.typing(1, 2, true), daemon.events.typing(2, 1, true)])
    for (const [userId, otherId] of [
      [1, 2],
      [2, 1],
    ] as const) {
      await api.blocks.block(userId, otherId, false)
      await type()
      await api.blocks.unblock(userId, otherId)
    }
    expect(await daemon.events.queuedCount()).toBe(0)
    await type()
    expect(await daemon.events.queuedCount()).toBe(2)
  },

  "a user's typing never overtakes the message before it": async (open) => {
    const { daemon } = await open()
    await (await register(daemon))(2)
    await Promise.all([send(daemon, 1, 2), daemon.events.typing(1, 2, true), send(daemon, 1, 2)])
    const order = ['chat:message', 'chat:typing', 'chat:message']
    expect(names(await readAll(daemon.events.tail()))).toEqual(order)
  },
}

/** The names of the next two events, which are acknowledged. */
async function readOn(tail: EventTail): Promise<string[]> {
  const events = await tail.read(2)
  for (const event of events) tail.acknowledge(event)
  return names(events)
}

function levels(count: number): object {
  return count === 1 ? {} : { deeper: levels(count - 1) }
}
