import { expect, test } from 'vitest'
import { daemonStatus, lagSeconds } from '../../src/chat/daemon-status.ts'
import type { Daemon } from '../../src/chat/model.ts'
import { daemonRow, listDaemons, TIME } from '../support/daemons.ts'
import { openChat } from '../support/open-chat.ts'

const RUNNING = daemonRow({ daemonId: 1, lagSeconds: 1 })
const LAGGING = daemonRow({ daemonId: 2, lagSeconds: 3 })
/** Its last good poll was 11 s ago. */
const UNHEALTHY = daemonRow({ daemonId: 3, lagSeconds: 90, polledAt: '2026-01-23 20:30:34' })

async function openChatOf(daemons: Daemon[]) {
  const { chat } = await openChat({ now: () => TIME })
  return listDaemons(chat, daemons)
}

test('all daemons run when each of them does, and say when they polled', async () => {
  const chat = await openChatOf([RUNNING, LAGGING])
  expect(await daemonStatus(chat, 'here')).toEqual({
    state: 'running',
    daemons: [
      { ...RUNNING, state: 'running', pollAgeSeconds: 0 },
      { ...LAGGING, state: 'running', pollAgeSeconds: 0 },
    ],
  })
})

test('one that does not poll makes all of them unhealthy, and is named', async () => {
  const status = await daemonStatus(await openChatOf([RUNNING, UNHEALTHY]), 'here')
  expect(status.state).toBe('unhealthy')
  expect(status.daemons.map(({ state }) => state)).toEqual(['running', 'unhealthy'])
  expect(status.daemons[1]?.pollAgeSeconds).toBe(11)
})

test('while none lives they are stopped', async () => {
  const status = await daemonStatus(await openChatOf([]), 'here')
  expect(status).toEqual({ state: 'stopped', daemons: [] })
})

test('the lag is the longest of the daemons that run', async () => {
  const chat = await openChatOf([RUNNING, LAGGING, UNHEALTHY])
  expect(await lagSeconds(chat, await daemonStatus(chat, 'here'))).toBe(3)
})

test('while none runs, it is the wait of the oldest event after the position of the first', async () => {
  const chat = await openChatOf([{ ...UNHEALTHY, position: 42 }])
  const asked: unknown[] = []
  const waitedSeconds = async (position: unknown) => asked.push(position)
  Object.assign(chat.events, { waitedSeconds })
  expect(await lagSeconds(chat, await daemonStatus(chat, 'here'))).toBe(1)
  await lagSeconds(chat, { state: 'stopped', daemons: [] })
  expect(asked).toEqual([42, undefined])
})
