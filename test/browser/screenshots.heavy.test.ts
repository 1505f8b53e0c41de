import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, post, sendText } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { landscape } from '../support/pictures.ts'
import { startChat } from '../support/processes.ts'
import { hasChromium, launchBrowser, Visitor } from './browser.ts'

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } }
const ME = 1928800
const LAYLA = 1928798

let browser: Browser

/** People and what they wrote, as a shop has them. */
async function fill(apiUrl: string, daemonUrl: string): Promise<void> {
  const names = new Map([
    [LAYLA, 'Layla Haddad'],
    [1928801, 'عمر الشريف'],
    [1928802, 'Maya Lindqvist'],
    [1928803, 'Shaheen Star Support'],
  ])
  for (const [userId, name] of names) await connect(daemonUrl, userId, { name })
  await connect(daemonUrl, ME, { name: 'John Doe' })
  await sendText(
    apiUrl,
    1928803,
    ME,
    'Your order 4711 is on its way. Track it at https://shop.example/4711',
  )
  await sendText(apiUrl, ME, 1928802, 'See you on Thursday then')
  await sendText(apiUrl, 1928801, ME, 'السلام عليكم، هل وصلت الطلبية؟')
  await sendText(apiUrl, 1928801, ME, 'أرجو الرد عندما تستطيع')
  await sendText(apiUrl, LAYLA, ME, 'Good evening! Did the parcel arrive?')
  await sendText(apiUrl, ME, LAYLA, 'It did, this morning. Thank you so much!')
  await sendText(apiUrl, ME, LAYLA, 'The colour is even better than in the pictures.')
  await sendMedia(apiUrl, LAYLA, ME, 'image', landscape(), 'The view from the workshop tonight')
  await sendMedia(apiUrl, LAYLA, ME, 'voice', beep(7), '')
  await sendText(apiUrl, ME, LAYLA, 'ما أجمل هذا المنظر')
  await sendText(apiUrl, ME, LAYLA, '😍👏')
  await sendText(apiUrl, LAYLA, ME, 'Come by any time, the coffee is on us.')
}

async function sendMedia(
  apiUrl: string,
  from: number,
  to: number,
  kind: 'image' | 'voice',
  file: Buffer,
  caption: string,
): Promise<void> {
  const form = new FormData()
  form.append('sender_id', String(from))
  form.append('receiver_id', String(to))
  form.append('message', caption)
  form.append(kind, new Blob([Uint8Array.from(file)]), kind)
  expect((await post(`${apiUrl}/send_chat_message.php`, form)).status).toBe(200)
}

/** A recording with words and pauses, as a waveform shows them. */
function beep(seconds: number): Buffer {
  const rate = 8_000
  const samples = Buffer.alloc(rate * seconds)
  for (let at = 0; at < samples.length; at += 1) {
    const words = Math.abs(Math.sin(at / 5_100) * Math.sin(at / 1_900 + 1))
    samples[at] = 128 + 90 * words * Math.sin(at / 4)
  }
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + samples.length, 4)
  header.write('WAVEfmt ', 8)
  for (const [offset, value] of [
    [16, 16],
    [24, rate],
    [28, rate],
    [40, samples.length],
  ] as const) {
    header.writeUInt32LE(value, offset)
  }
  for (const [offset, value] of [
    [20, 1],
    [22, 1],
    [32, 1],
    [34, 8],
  ] as const) {
    header.writeUInt16LE(value, offset)
  }
  header.write('data', 36)
  return Buffer.concat([header, samples])
}

describe.skipIf(!hasChromium())('the page', () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`is fit to be seen, ${colorScheme}, on a phone and a desk`, {
      timeout: 90_000,
    }, async () => {
      const { api, daemon } = await startChat()
      await fill(api.url, daemon.url)
      const folder = process.env.CHAT_SCREENSHOTS_DIR ?? temporaryFolder()
      mkdirSync(folder, { recursive: true })
      for (const [device, viewport] of Object.entries(SIZES)) {
        const isPhone = device === 'phone'
        const visitor = await Visitor.arrive(browser, {
          colorScheme,
          viewport,
          hasTouch: isPhone,
          isMobile: isPhone,
        })
        const { page } = visitor
        const shoot = async (name: string) => {
          await page.screenshot({ path: join(folder, `${name}-${device}-${colorScheme}.png`) })
          await visitor.expectAccessible()
        }
        await page.goto(api.url)
        await page.getByLabel('User ID', { exact: true }).waitFor()
        await shoot('sign-in')

        await visitor.signIn(api.url, ME, 'John Doe')
        await page.getByRole('button', { name: /Layla/ }).waitFor()
        await shoot('list')

        await page.getByRole('button', { name: /Layla/ }).click()
        await page.getByText('Come by any time').last().waitFor()
        await page.locator('.photo img').evaluate((image: HTMLImageElement) => image.decode())
        await page.locator('.bars span').first().waitFor({ state: 'attached' })
        await shoot('thread')

        if (isPhone) await page.getByRole('button', { name: 'Back to conversations' }).click()
        await page.getByRole('button', { name: /عمر/ }).click()
        await page.getByText('السلام').last().waitFor()
        await shoot('arabic')

        await page.getByRole('button', { name: 'Block this person' }).click()
        await shoot('block-dialog')
        await page.getByRole('button', { name: 'Block', exact: true }).click()
        await page.getByText('You have blocked').waitFor()
        await shoot('blocked')
        await page.getByRole('button', { name: 'Unblock' }).click()

        if (isPhone) await page.getByRole('button', { name: 'Back to conversations' }).click()
        await visitor.startConversation(7)
        await page.getByText('Say hello to').waitFor()
        await shoot('new-thread')

        const nobody = await Visitor.arrive(browser, { colorScheme, viewport })
        await nobody.signIn(api.url, 99, 'نور')
        await nobody.page.getByText('No conversations yet').waitFor()
        await nobody.page.screenshot({ path: join(folder, `empty-${device}-${colorScheme}.png`) })
        await nobody.expectAccessible()
        expect([...visitor.complaints, ...nobody.complaints]).toEqual([])
      }
    })
  }
})
