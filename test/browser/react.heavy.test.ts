import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../support/clients.ts'
import { startChat } from '../support/processes.ts'
import { hasChromium, launchBrowser, Visitor } from './browser.ts'

let browser: Browser

describe.skipIf(!hasChromium())('the React example', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('carries a conversation, with typing and receipts', async () => {
    const { api, daemon } = await startChat()
    await connect(daemon.url, 1, { name: 'Anna' })
    const [anna, bilal] = await Promise.all([Visitor.arrive(browser), Visitor.arrive(browser)])
    await anna.page.goto(`${api.url}/react/?user_id=1&name=Anna`)
    await bilal.page.goto(`${api.url}/react/?user_id=2&name=Bilal`)
    await anna.page.getByLabel('Write to user ID').fill('2')
    await anna.page.getByRole('button', { name: 'Write' }).click()

    await anna.page.getByLabel('Message', { exact: true }).fill('Hello')
    await anna.page.getByRole('button', { name: 'Send' }).click()
    await bilal.page.getByRole('button', { name: /Anna.*\(1\)/ }).click()
    await bilal.page.locator('.theirs').getByText('Hello').waitFor()
    await anna.page.locator('.mine').getByText('read').waitFor()
    await bilal.page.getByLabel('Message', { exact: true }).fill('Hi')
    await anna.page.getByText('typing…').waitFor()
    await bilal.page.getByRole('button', { name: 'Send' }).click()
    await anna.page.locator('.theirs').getByText('Hi').waitFor()

    await anna.expectAccessible()
    expect([...anna.complaints, ...bilal.complaints]).toEqual([])
  })
})
