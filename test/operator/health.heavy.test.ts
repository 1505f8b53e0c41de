import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { POLL_STALE_MS } from '../../src/thresholds.ts'
import { get } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { startChat, startDaemon } from '../support/processes.ts'
import { environment } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'

test('the daemon is healthy while it polls, and 503 while its polls fail', async () => {
  const folder = temporaryFolder()
  const { url } = await startDaemon(folder)
  const healthUrl = `${url.replace('ws:', 'http:')}/health`
  const healthy = await get(healthUrl)
  expect(healthy).toMatchObject({ status: 200, body: { status: 'success' } })
  expect(healthy.body.data).toMatchObject({ service: 'chat-websocket' })

  const database = new Sqlite(environment(folder).CHAT_DATABASE)
  database.exec('ALTER TABLE pending_events RENAME TO hidden_events')
  await waitFor(async () => (await get(healthUrl)).status === 503, 'failing polls to be told')
  const { body } = await get(healthUrl)
  expect(body).toMatchObject({ status: 'error', message: expect.stringContaining('see the log') })
  expect(body.data.poll_age_ms).toBeGreaterThan(POLL_STALE_MS)

  database.exec('ALTER TABLE hidden_events RENAME TO pending_events')
  database.close()
  await waitFor(async () => (await get(healthUrl)).status === 200, 'polls that work again')
})

test('the API calls a daemon that hangs unhealthy, and stays in service itself', async () => {
  const { folder, api, daemon } = await startChat()
  daemon.program.process.kill('SIGSTOP')
  const database = new Sqlite(environment(folder).CHAT_DATABASE)
  database.exec("UPDATE daemons SET polled_at = datetime('now', '-20 seconds')")

  const hanging = await get(`${api.url}/health`)
  expect(hanging.status).toBe(200)
  expect(hanging.body.data).toMatchObject({ daemon: 'unhealthy', daemon_pid: daemon.program.pid })

  daemon.program.process.kill('SIGCONT')
  const state = async () => (await get(`${api.url}/health`)).body.data.daemon
  await waitFor(async () => (await state()) === 'running', 'the daemon to be well again')
  database.close()
})
