import { hostname } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import type { Daemons } from '../../src/chat/store.ts'
import { ChatError } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { Registration } from '../../src/websocket/registration.ts'
import { openChat } from '../support/open-chat.ts'
import { waitFor } from '../support/wait.ts'

const ADDRESS = 'ws://127.0.0.1:8089'

/** The registration of a daemon on a real database, before its first heartbeat. */
async function setUp(daemonsOf = (real: Daemons): Daemons => real) {
  const { chat, beside } = await openChat()
  const lines: string[] = []
  const called: string[] = []
  const registration = new Registration({
    daemons: daemonsOf(chat.daemons),
    log: createLog('text', (line) => void lines.push(line)),
    report: () => ({
      position: 0,
      deliveredCount: 0,
      lagSeconds: 0,
      pollMs: 0,
      polledAt: new Date(),
    }),
    onRegisteredAgain: () => void called.push('again'),
    onLost: () => void called.push('lost'),
    heartbeatMs: 5,
  })
  onTestFinished(() => registration.stop())
  const position = await registration.register(ADDRESS)
  return { chat, beside, registration, position, lines, called }
}

/** The daemons that are registered, by id. */
async function listed({ chat }: Awaited<ReturnType<typeof setUp>>): Promise<number[]> {
  return (await chat.daemons.list(hostname())).map(({ daemonId }) => daemonId)
}

test('a daemon is registered until it unregisters', async () => {
  const daemon = await setUp()
  await daemon.registration.start()
  expect(daemon.position).toBeUndefined()
  expect(await listed(daemon)).toEqual([daemon.registration.daemonId])
  await daemon.registration.stop()
  await daemon.registration.unregister()
  await daemon.registration.unregister()
  expect(await listed(daemon)).toEqual([])
  expect(daemon.registration.isHeld).toBe(false)
  expect([...daemon.lines, ...daemon.called]).toEqual([])
})

test('a daemon whose registration is gone registers again, and says so once', async () => {
  const daemon = await setUp()
  const first = daemon.registration.daemonId
  daemon.beside.exec('DELETE FROM daemons')
  await daemon.registration.start()
  expect(daemon.registration.daemonId).not.toBe(first)
  expect(await listed(daemon)).toEqual([daemon.registration.daemonId])
  expect(daemon.called).toEqual(['again'])
  expect(daemon.lines).toEqual([expect.stringContaining('it has registered again')])
})

test('a daemon whose place another one has taken is lost', async () => {
  const daemon = await setUp()
  await daemon.chat.daemons.unregister(daemon.registration.daemonId)
  const other = { hostname: hostname(), pid: process.pid, address: 'ws://192.0.2.1:8089' }
  const { daemonId } = await daemon.chat.daemons.register(other)
  await daemon.registration.start()
  expect(daemon.called).toEqual(['lost'])
  expect(daemon.lines).toEqual([expect.stringContaining('has taken over this database')])
  expect([daemon.registration.isHeld, daemon.registration.daemonId]).toEqual([false, 0])
  expect(await listed(daemon)).toEqual([daemonId])
})

test('while the store is away, a daemon tries to register again at each heartbeat', async () => {
  let failuresLeft = 0
  const daemon = await setUp((real) => ({
    assertFree: (hostname) => real.assertFree(hostname),
    heartbeat: (daemonId, report) => real.heartbeat(daemonId, report),
    unregister: (daemonId, report) => real.unregister(daemonId, report),
    list: (hostname) => real.list(hostname),
    register: async (daemon) => {
      if (failuresLeft === 0) return real.register(daemon)
      failuresLeft -= 1
      throw new ChatError('unavailable', 'The database is away')
    },
  }))
  const first = daemon.registration.daemonId
  await daemon.registration.start()
  failuresLeft = 3
  daemon.beside.exec('DELETE FROM daemons')
  await waitFor(() => daemon.registration.daemonId !== first, 'the daemon to register again')
  expect(await listed(daemon)).toEqual([daemon.registration.daemonId])
  expect(daemon.called).toEqual(['again'])
  await waitFor(() => daemon.lines.length === 3, 'the heartbeat to work again')
  expect(daemon.lines).toEqual([
    expect.stringContaining('Heartbeat failed; it will be tried again: The database is away'),
    expect.stringContaining('it has registered again'),
    expect.stringContaining('Heartbeat works again'),
  ])
})
