import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { startChat } from '../support/processes.ts'
import { hasChromium, launchBrowser, Visitor } from './browser.ts'

const SECRET = 'a-metrics-secret-of-32-characters'

let browser: Browser

describe.skipIf(!hasChromium())('the status page', () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('shows how both processes do, as it changes', async () => {
    const { api, daemon } = await startChat()
    await connect(daemon.url, 1)
    await connect(daemon.url, 2)
    await connect(daemon.url, 2)
    const operator = await Visitor.arrive(browser)
    const { page } = operator
    await page.goto(`${api.url}/status.html`)
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
    await operator.expectAccessible()

    await daemon.program.stop()
    await page.getByText('The daemon does not run').waitFor()
    expect(operator.complaints).toEqual([])

    await api.program.stop()
    await page.getByText('chat-api does not answer; trying again').waitFor()
  })

  test('asks whoever comes through a proxy for the secret', async () => {
    const { api } = await startChat({ CHAT_METRICS_SECRET: SECRET })
    const extraHTTPHeaders = { 'X-Forwarded-For': '203.0.113.1' }
    const { page } = await Visitor.arrive(browser, { extraHTTPHeaders })
    await page.goto(`${api.url}/status.html`)
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

  test('need not be scrolled sideways on a phone', async () => {
    const { api } = await startChat()
    const operator = await Visitor.arrive(browser, {
      viewport: { width: 360, height: 740 },
      colorScheme: 'dark',
    })
    const { page } = operator
    await page.goto(`${api.url}/status.html`)
    await page.locator('.plot canvas').first().waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
    await operator.expectAccessible()
    expect(operator.complaints).toEqual([])
  })
})
