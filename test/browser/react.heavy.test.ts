import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, post, sendText } from '../support/clients.ts'
import { multipart } from '../support/forms.ts'
import { picture } from '../support/media.ts'
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
    await anna.page.getByLabel('User ID', { exact: true }).fill('2')
    await anna.page.getByRole('button', { name: 'Write' }).click()

    await anna.page.getByRole('textbox', { name: 'Message' }).fill('Hello')
    await anna.page.getByRole('button', { name: 'Send' }).click()
    await bilal.page.getByRole('button', { name: /Anna.*Hello.*1/ }).click()
    await bilal.page.locator('.theirs').getByText('Hello').waitFor()
    await anna.page.locator('.mine').getByLabel('read').waitFor()
    await bilal.page.getByRole('textbox', { name: 'Message' }).fill('Hi')
    await anna.page.getByText('typing…').waitFor()
    await bilal.page.getByRole('button', { name: 'Send' }).click()
    await anna.page.locator('.theirs').getByText('Hi').waitFor()

    await anna.expectAccessible()
    expect([...anna.complaints, ...bilal.complaints]).toEqual([])
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`on a phone shows the list or a conversation, ${colorScheme}, and keeps nobody out`, async () => {
      const { api, daemon } = await startChat()
      await connect(daemon.url, 1, { name: 'Anna' })
      for (let count = 1; count <= 51; count += 1) await sendText(api.url, 1, 2, `Number ${count}`)
      const image = multipart({ sender_id: 1, receiver_id: 2, image: picture(), message: 'Look' })
      await post(`${api.url}/send_chat_message.php`, image)
      const viewport = { width: 390, height: 844 }
      const visitor = await Visitor.arrive(browser, { colorScheme, viewport, isMobile: true })
      const { page } = visitor
      await page.goto(`${api.url}/react/?user_id=2&name=Bilal`)
      await page.getByRole('button', { name: /Anna.*52/ }).waitFor()
      await visitor.expectAccessible()

      await page.getByRole('button', { name: /Anna/ }).click()
      await page.getByRole('img', { name: 'Look' }).waitFor()
      expect(await page.getByLabel('User ID', { exact: true }).isVisible()).toBe(false)
      await page.getByRole('button', { name: 'Older messages' }).click()
      await page.getByText('Number 1', { exact: true }).waitFor()
      await visitor.expectAccessible()

      await page.getByRole('button', { name: 'Back' }).click()
      await page.getByLabel('User ID', { exact: true }).waitFor()
      expect(visitor.complaints).toEqual([])
    })
  }
})
