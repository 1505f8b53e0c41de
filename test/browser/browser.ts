import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'

const PATHS = [
  process.env.CHROMIUM ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export const chromiumPath = PATHS.find((path) => existsSync(path))

/** Whether there is a browser; says so if not, unless it has to be there. */
export function hasChromium(): boolean {
  if (chromiumPath !== undefined) return true
  if (process.env.CHAT_REQUIRE_BROWSER === '1') throw new Error('There is no Chromium')
  console.warn('Browser tests are skipped: there is no Chromium (apt-get install chromium)')
  return false
}

/** Its microphone hears a beep, and nobody asks whether it may. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath as string,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
    ],
  })
}

/** Somebody in front of a browser of their own. What goes wrong in the page fails the test. */
export class Visitor {
  readonly page: Page
  /** What the console said that nobody wants to read there, and reports of the content policy. */
  readonly complaints: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.complaints.push(String(error)))
  }

  static async arrive(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({
      locale: 'en-GB',
      permissions: ['microphone'],
      reducedMotion: 'reduce',
      ...options,
    })
    context.setDefaultTimeout(20_000)
    onTestFinished(() => context.close())
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        console.error(`policy violated: ${violatedDirective} ${blockedURI}`)
      })
    })
    return new Visitor(await context.newPage())
  }

  async signIn(url: string, userId: number, name: string): Promise<void> {
    const { page } = this
    await page.goto(url)
    await page.getByLabel('User ID', { exact: true }).fill(String(userId))
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByRole('button', { name: 'Start chatting' }).click()
    await page.locator('#own-id').getByText(`ID ${userId}`).waitFor()
  }

  async startConversation(userId: number): Promise<void> {
    const { page } = this
    await page.getByRole('button', { name: 'New conversation' }).click()
    await page.getByLabel('Their user ID').fill(String(userId))
    await page.getByRole('button', { name: 'Write' }).click()
    await page.getByRole('textbox', { name: 'Message' }).waitFor()
  }

  async write(text: string): Promise<void> {
    const { page } = this
    await page.getByRole('textbox', { name: 'Message' }).fill(text)
    await page.getByRole('button', { name: 'Send', exact: true }).click()
  }

  /** The texts in the open thread, in order. */
  texts(): Promise<string[]> {
    return this.page.locator('#message-list .text').allTextContents()
  }

  /** What a machine finds that keeps people out. */
  async expectAccessible(): Promise<void> {
    // By evaluation, which the page's policy does not concern.
    const { readFileSync } = await import('node:fs')
    await this.page.evaluate(readFileSync(AXE, 'utf8'))
    const violations = await this.page.evaluate(async () => {
      // biome-ignore lint/suspicious/noExplicitAny: axe is what the line before has put there
      const { violations } = await (globalThis as any).axe.run()
      return violations.map(
        ({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`,
      )
    })
    expect(violations).toEqual([])
  }
}
