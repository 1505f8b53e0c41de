import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { connect, type TestSocket } from '../support/clients.ts'
import { Crowd } from '../support/crowd.ts'
import { startChat } from '../support/in-process.ts'
import { toldSoFar, waitForStatus } from '../support/people.ts'

const BURST_USERS = 5_000
const RELOADED_USERS = 1_000
/** Asking all the time would be a load of its own. */
const PING_PAUSE_MS = 20

function crowdAt(daemonUrl: string): Crowd {
  const crowd = new Crowd(daemonUrl)
  onTestFinished(() => crowd.leave())
  return crowd
}

test(`${BURST_USERS} users who come at once do not freeze the daemon`, async () => {
  const { daemon } = await startChat()
  const observer = await connect(daemon.url, 1)
  const crowd = crowdAt(daemon.url)
  const pings = pingUntil(observer, crowd.join(10_000, BURST_USERS))

  const { answeredCount, slowestMs } = await pings
  await observer.event('chat:user_status', BURST_USERS)
  expect(new Set(observer.all('chat:user_status').map((data) => data.user_id)).size).toBe(
    BURST_USERS,
  )
  expect(crowd.lostCount).toBe(0)
  // Frozen would be one answer, at the end. Idle machines answer within 0.2 s.
  expect(answeredCount).toBeGreaterThan(10)
  expect(slowestMs).toBeLessThan(5_000)
}, 120_000)

test(`${RELOADED_USERS} pages that are reloaded together tell nobody anything`, async () => {
  const { daemon } = await startChat({ CHAT_OFFLINE_DELAY_MS: '5000' })
  const observer = await connect(daemon.url, 1)
  const before = crowdAt(daemon.url)
  await before.join(10_000, RELOADED_USERS)
  await observer.event('chat:user_status', RELOADED_USERS)
  expect(before.count('chat:user_status')).toBeGreaterThan(0)
  await toldSoFar(observer, daemon.url)
  const toldCount = observer.all('chat:user_status').length

  const after = crowdAt(daemon.url)
  await before.leave()
  const last = await connect(daemon.url, 9)
  await waitForStatus(observer, 9, 'online')
  await Promise.all([last.close(), after.join(10_000, RELOADED_USERS)])
  // The last to go is the last to be told of: by then everybody else's delay is over.
  await waitForStatus(observer, 9, 'offline')
  expect(observer.all('chat:user_status').length - toldCount).toBe(2)
  expect(after.count('"user_id":1')).toBe(RELOADED_USERS)
  expect(after.count('chat:user_status') - after.count('"user_id":9,')).toBe(0)
}, 60_000)

/** Pings, one at a time, as long as `work` goes on. */
async function pingUntil(
  { socket }: TestSocket,
  work: Promise<void>,
): Promise<{ answeredCount: number; slowestMs: number }> {
  let isOver = false
  const over = work.finally(() => {
    isOver = true
  })
  const answers: number[] = []
  while (!isOver) {
    const askedAt = Date.now()
    await new Promise((resolve) => {
      socket.once('pong', resolve)
      socket.ping()
    })
    answers.push(Date.now() - askedAt)
    await delay(PING_PAUSE_MS)
  }
  await over
  return { answeredCount: answers.length, slowestMs: Math.max(...answers) }
}
