import { expect, onTestFinished, test } from 'vitest'
import { Audit } from '../../src/auth/audit.ts'
import { createAuthenticator } from '../../src/auth/authenticate.ts'
import { Refusals } from '../../src/auth/operator.ts'
import type { Events, EventTail } from '../../src/chat/store.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/log.ts'
import { Metrics } from '../../src/metrics.ts'
import { Daemon } from '../../src/websocket/daemon.ts'
import { DaemonMetrics } from '../../src/websocket/daemon-metrics.ts'
import { connect } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { openChat } from '../support/open-chat.ts'
import { environment } from '../support/running-program.ts'

/** A daemon whose tail says once that it has lost the events of the users in `lost`. */
async function startDaemon() {
  const { chat } = await openChat()
  const lost = new Set<number>()
  const takeGap: EventTail['takeGap'] = () => {
    if (lost.size === 0) return undefined
    const users = new Set(lost)
    lost.clear()
    return (userId) => users.has(userId)
  }
  const openTail = chat.events.tail.bind(chat.events)
  const tail: Events['tail'] = (position) => Object.assign(openTail(position), { takeGap })
  Object.assign(chat.events, { tail })

  const config = readConfig(environment(temporaryFolder(), {}))
  const lines: string[] = []
  const log = createLog('text', (line) => void lines.push(line))
  const audit = new Audit(log)
  const authenticate = createAuthenticator(config, { log, audit })
  const metrics = new DaemonMetrics(new Metrics(), () => 0)
  const refusals = new Refusals(audit, false)
  const parts = { chat, log, audit, authenticate, refusals, metrics, onLost: () => {} }
  const daemon = new Daemon({ ...parts, doorbell: undefined, certificate: undefined }, config)
  onTestFinished(() => daemon.stop())
  return { chat, lost, lines, url: `ws://127.0.0.1:${await daemon.start()}` }
}

test('users who have lost events are disconnected, and recover from their messages', async () => {
  const { chat, lost, lines, url } = await startDaemon()
  const [ada, bob] = [await connect(url, 1), await connect(url, 2)]
  const send = async (receiverId: number, message: string) =>
    (await chat.messages.post({ senderId: 3, receiverId, message })).message.messageId
  const messageId = await send(1, 'Before')
  await ada.event('chat:message')

  lost.add(1)
  await send(1, 'After')
  await send(2, 'After')
  await bob.event('chat:message')
  expect(await ada.whenClosed()).toEqual({
    code: 1012,
    reason: 'Events were lost; reconnect and ask for what you missed',
  })
  expect(ada.all('chat:message')).toHaveLength(1)

  const again = await connect(url, 1, { last_message_id: String(messageId) })
  expect(await again.event('chat:connected')).toMatchObject({ recovered: true })
  expect(await again.event('chat:message')).toMatchObject({ message: 'After' })
  await bob.settled()
  expect(bob.closed).toBeUndefined()
  expect(lines).toEqual([expect.stringContaining('Events were lost before they were read')])
})
