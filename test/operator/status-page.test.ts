import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Samples, type Status } from '../../public/status/samples.ts'
import { CHROMIUM, openPage } from '../support/browser.ts'
import { connect, sendText } from '../support/clients.ts'
import { startChat } from '../support/processes.ts'

const SECRET = 'a-metrics-secret-of-32-characters'

describe.runIf(CHROMIUM)('in a browser', () => {
  test('the status page shows how both processes do, as it changes', async () => {
    const { api, daemon } = await startChat()
    await connect(daemon.url, 1)
    await connect(daemon.url, 2)
    await connect(daemon.url, 2)
    const { page, problems } = await openPage(`${api.url}/status.html`)
    await page.getByText('All is well').waitFor()
    const tile = (name: string) => page.locator(`dt:text-is("${name}") + dd`)
    expect(await tile('Sockets').textContent()).toBe('3')
    expect(await tile('Users').textContent()).toBe('2')
    expect(await tile('Daemon').textContent()).toBe('running')
    expect(await tile('Its pid').textContent()).toBe(String(daemon.program.pid))
    expect(await page.locator('.plot canvas').count()).toBe(3)

    for (const text of ['one', 'two']) await sendText(api.url, 1, 2, text)
    await page.locator('dt:text-is("Messages") + dd:text-is("2")').waitFor()
    expect(await page.locator('#connections').getAttribute('aria-label')).toContain(
      'Now Sockets: 3, Users: 2',
    )

    await daemon.program.stop()
    await page.getByText('The daemon does not run').waitFor()
    expect(problems).toEqual([])

    await api.program.stop()
    await page.getByText('chat-api does not answer; trying again').waitFor()
  })

  test('whoever comes through a proxy is asked for the secret', async () => {
    const { api } = await startChat({ CHAT_METRICS_SECRET: SECRET })
    const { page } = await openPage(`${api.url}/status.html`, {
      extraHTTPHeaders: { 'X-Forwarded-For': '203.0.113.1' },
    })
    const field = page.getByLabel('Metrics secret')
    await field.fill(`${SECRET}!`)
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('That was not the secret').waitFor()
    expect(await page.locator('#numbers').isVisible()).toBe(false)

    await field.fill(SECRET)
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('All is well').waitFor()
    expect(await field.isVisible()).toBe(false)
  })

  test('a phone need not scroll sideways', async () => {
    const { api } = await startChat()
    const { page, problems } = await openPage(`${api.url}/status.html`, {
      viewport: { width: 360, height: 740 },
      colorScheme: 'dark',
    })
    await page.locator('.plot canvas').first().waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    expect(problems).toEqual([])
  })
})

test('the page runs no inline script or style, and fetches nothing from elsewhere', () => {
  const html = readFileSync(new URL('../../public/status.html', import.meta.url), 'utf8')
  expect(html).toMatch(/content="default-src 'none'; script-src 'self'; style-src 'self';/)
  expect(html).not.toMatch(/<script>|<style|\sstyle=|\son\w+=|https?:/)
})

function statusAt(seconds: number, count: number): Status {
  return {
    time_ms: seconds * 1000,
    lag_seconds: 0,
    connections: 0,
    users: 0,
    message_count: count,
    event_count: 2 * count,
    wal_bytes: 0,
    api: { pid: 1, send_count: count, send_seconds: count / 100 },
    daemon: {
      state: 'running',
      pid: 2,
      address: '',
      started_at: '',
      poll_age_seconds: 0,
      poll_ms: 0,
      delivered_count: count,
    },
  }
}

test('rates are those of the last 10 s, and unknown at first and after a restart', () => {
  const samples = new Samples()
  expect(samples.add(statusAt(0, 100))).toMatchObject({ messageRate: null, sendMs: null })
  const second = samples.add(statusAt(4, 140))
  expect(second).toMatchObject({ messageRate: 10, eventRate: 20, deliveredRate: 10 })
  expect(second.sendMs).toBeCloseTo(10)
  // From 4 s on: the first answer is too old.
  expect(samples.add(statusAt(14, 340)).messageRate).toBe(20)
  expect(samples.add(statusAt(16, 0)).deliveredRate).toBeNull()
})

test('what is older than 15 minutes is forgotten', () => {
  const samples = new Samples()
  for (const seconds of [0, 1, 900]) samples.add(statusAt(seconds, 0))
  expect(samples.rows.map((row) => row.seconds)).toEqual([0, 1, 900])
  samples.addNothing(901_000)
  expect(samples.rows.map((row) => row.seconds)).toEqual([1, 900, 901])
  expect(samples.rows.at(-1)?.lag).toBeNull()
})
