import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, sendText } from '../support/clients.ts'
import { Cable } from '../support/network.ts'
import { landscape } from '../support/pictures.ts'
import { runProgram, startChat, startDaemon } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { hasChromium, launchBrowser, Visitor } from './browser.ts'

const ANNA = 11
const BILAL = 22
/** A message that the server has, be it read or not. */
const SENT = 'li:is([data-status=sent], [data-status=read])'

let browser: Browser

/** Two people, each in a browser of their own, in one conversation. */
async function meet(url: string): Promise<{ anna: Visitor; bilal: Visitor }> {
  const [anna, bilal] = await Promise.all([Visitor.arrive(browser), Visitor.arrive(browser)])
  await Promise.all([anna.signIn(url, ANNA, 'Anna'), bilal.signIn(url, BILAL, 'بلال')])
  await Promise.all([anna.startConversation(BILAL), bilal.startConversation(ANNA)])
  return { anna, bilal }
}

/** What a browser keeps for this site: unsent messages, and who is signed in. */
function stored(page: Visitor['page']): Promise<{ outbox: number; session: string | null }> {
  return page.evaluate(async () => {
    const opening = indexedDB.open('chat')
    await new Promise((resolve) => {
      opening.onsuccess = resolve
    })
    const counting = opening.result.transaction('values').objectStore('values').count()
    await new Promise((resolve) => {
      counting.onsuccess = resolve
    })
    opening.result.close()
    return { outbox: counting.result, session: localStorage.getItem('chat.session') }
  })
}

function expectNoComplaints(...visitors: Visitor[]): void {
  expect(visitors.flatMap(({ complaints }) => complaints)).toEqual([])
}

describe.skipIf(!hasChromium())('two people in two browsers', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('see each other, type, write, and know what was read', async () => {
    const { api } = await startChat({ CHAT_OFFLINE_DELAY_MS: '100' })
    const { anna, bilal } = await meet(api.url)
    await anna.page.locator('#thread-subtitle', { hasText: 'online' }).waitFor()
    await anna.page.getByRole('heading', { name: 'بلال', exact: true }).waitFor()

    await anna.page.getByRole('textbox', { name: 'Message' }).pressSequentially('Hello')
    await bilal.page.getByText('Anna is typing').waitFor({ state: 'attached' })
    await anna.page.getByRole('textbox', { name: 'Message' }).press('Enter')

    await bilal.page.locator('#message-list').getByText('Hello').waitFor()
    await anna.page.locator('[data-status=read] .status').waitFor()
    expect(await bilal.page.locator('#typing').isVisible()).toBe(false)
    expect(await anna.page.locator('[data-status=read] .spoken').last().textContent()).toBe('read')
    await bilal.page.locator('#announcements', { hasText: 'Anna: Hello' }).waitFor({
      state: 'attached',
    })

    await bilal.page.close()
    await anna.page.locator('#thread-subtitle', { hasText: 'last seen' }).waitFor()
    expectNoComplaints(anna, bilal)
  })

  test('exchange an image, and look at it in full size', async () => {
    const { api } = await startChat()
    const { anna, bilal } = await meet(api.url)
    const file = { name: 'evening.png', mimeType: 'image/png', buffer: landscape() }

    await anna.page.getByLabel('Images', { exact: true }).setInputFiles(file)
    await anna.page.getByRole('img', { name: 'evening.png' }).waitFor()
    await anna.write('What a view')

    const photo = bilal.page.getByRole('button', { name: 'Open image: What a view' })
    await photo.click()
    const width = () =>
      bilal.page
        .locator('#image-viewer-image')
        .evaluate((image: HTMLImageElement) => image.naturalWidth)
    await waitFor(async () => (await width()) === 640, 'the image in full size')
    await bilal.expectAccessible()
    await bilal.page.keyboard.press('Escape')
    expect(await bilal.page.locator('#image-viewer').isVisible()).toBe(false)
    const isFocused = () => photo.evaluate((button) => button === document.activeElement)
    await waitFor(isFocused, 'the focus to be back where it was')
    expectNoComplaints(anna, bilal)
  })

  test('paste and drop images, and are told what is no image', async () => {
    const { api } = await startChat()
    const { anna } = await meet(api.url)
    const bytes = landscape(32, 32).toString('base64')
    const give = (type: 'paste' | 'drop', target: string, name: string, mimeType: string) =>
      anna.page.evaluate(
        ([event, selector, file, mime, base64]) => {
          const data = new DataTransfer()
          const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
          data.items.add(new File([content], file, { type: mime }))
          const init = { bubbles: true, cancelable: true }
          const made =
            event === 'paste'
              ? new ClipboardEvent('paste', { ...init, clipboardData: data })
              : new DragEvent('drop', { ...init, dataTransfer: data })
          document.querySelector(selector)?.dispatchEvent(made)
        },
        [type, target, name, mimeType, bytes] as const,
      )

    await give('paste', '#composer-text', 'pasted.png', 'image/png')
    await give('drop', '#messages', 'dropped.png', 'image/png')
    await give('drop', '#messages', 'letter.pdf', 'application/pdf')

    await anna.page.getByRole('alert').getByText('letter.pdf is not a JPEG').waitFor()
    await anna.page.getByRole('button', { name: 'Remove pasted.png' }).click()
    await anna.page.getByRole('button', { name: 'Send', exact: true }).click()
    await anna.page.locator(`${SENT} .photo`).waitFor()
    expect(await anna.page.locator('.photo').count()).toBe(1)
    expectNoComplaints(anna)
  })

  test('exchange a voice message, play it and seek in it', async () => {
    const { api } = await startChat()
    const { anna, bilal } = await meet(api.url)

    await anna.page.getByRole('button', { name: 'Record a voice message' }).click()
    await anna.page.locator('#recording-time', { hasText: '0:02' }).waitFor()
    await anna.expectAccessible()
    await anna.page.getByRole('button', { name: 'Send voice message' }).click()

    const position = bilal.page.getByLabel('Position in the voice message')
    const valueText = () => position.getAttribute('aria-valuetext')
    await waitFor(async () => /of 0:0[123]/.test((await valueText()) ?? ''), 'its duration')
    await position.fill('500')
    await waitFor(async () => (await valueText())?.startsWith('0:01') === true, 'the position')
    await bilal.page.getByRole('button', { name: 'Play voice message' }).click()
    await bilal.page.getByRole('button', { name: 'Pause voice message' }).waitFor()
    await bilal.page.getByRole('button', { name: 'Play voice message' }).waitFor()
    await waitFor(async () => (await valueText())?.startsWith('0:00') === true, 'its end')

    await anna.page.getByRole('button', { name: 'Record a voice message' }).click()
    await anna.page.locator('#recording').waitFor()
    await anna.page.keyboard.press('Escape')
    expect(await anna.page.locator('#recording').isVisible()).toBe(false)
    expect(await anna.page.locator('.player').count()).toBe(1)
    expectNoComplaints(anna, bilal)
  })

  test('miss nothing while one of them is offline', async () => {
    const cable = await Cable.lay()
    const { api, daemon } = await startChat({ CHAT_PUBLIC_WS_URL: cable.url })
    cable.targetPort = Number(new URL(daemon.url).port)
    const { anna, bilal } = await meet(api.url)
    await anna.write('one')
    await bilal.page.locator('#message-list').getByText('one').waitFor()
    await anna.page.locator('li[data-status=read]').waitFor()

    cable.pull()
    await bilal.page.context().setOffline(true)
    for (const text of ['two', 'three', 'four']) await anna.write(text)
    await bilal.write('five, from a tunnel')
    await bilal.page.getByText('You are offline').waitFor()
    await waitFor(
      async () => (await anna.page.locator('li[data-status=sent]').count()) === 3,
      'three messages to be sent',
    )
    expect(await bilal.texts()).toEqual(['one', 'five, from a tunnel'])
    cable.plugIn()
    await bilal.page.context().setOffline(false)

    const all = ['one', 'two', 'three', 'four', 'five, from a tunnel']
    await waitFor(async () => (await bilal.texts()).length === 5, 'all messages')
    expect(await bilal.texts()).toEqual(all)
    await waitFor(async () => (await anna.texts()).length === 5, 'the one from the tunnel')
    expect(await anna.texts()).toEqual(all)
    expect(await bilal.page.locator('#banner').isVisible()).toBe(false)
    // Chromium itself writes down each request that found no network.
    const isOfNetwork = (text: string) => /ERR_INTERNET_DISCONNECTED|WebSocket/.test(text)
    for (const visitor of [anna, bilal]) {
      expect(visitor.complaints.filter((text) => !isOfNetwork(text))).toEqual([])
    }
  })

  test('see a banner while the daemon restarts, and write on meanwhile', async () => {
    const { api, daemon, folder } = await startChat()
    const { anna, bilal } = await meet(api.url)
    await daemon.program.stop('SIGUSR2')
    await anna.page.getByText('Connection lost').waitFor()
    await anna.expectAccessible()
    await anna.write('into the silence')
    await anna.page.locator(SENT).waitFor()

    await startDaemon(folder, { CHAT_WS_PORT: new URL(daemon.url).port })

    await anna.page.locator('#banner').waitFor({ state: 'hidden' })
    await bilal.page.locator('#message-list').getByText('into the silence').waitFor()
    for (const visitor of [anna, bilal]) {
      // Chromium itself writes down each socket that could not be opened.
      expect(visitor.complaints.filter((text) => !text.includes('WebSocket'))).toEqual([])
    }
  })

  test('keep what is unsent over a reload', async () => {
    const { api } = await startChat()
    const { anna, bilal } = await meet(api.url)
    await anna.page.route('**/send_chat_message.php', (route) => route.abort())
    await anna.write('written on a bad day')
    await anna.page.locator('li[data-status=queued]').waitFor()
    await anna.page.unroute('**/send_chat_message.php')

    await anna.page.reload()

    await bilal.page.locator('#message-list').getByText('written on a bad day').waitFor()
    await waitFor(async () => (await anna.texts()).length === 1, 'the message, once')
  })

  test('leave nothing unsent behind when they sign out, for whoever comes next', async () => {
    const { api, daemon } = await startChat()
    const { anna } = await meet(api.url)
    const { page } = anna
    const receiver = await connect(daemon.url, BILAL)
    const otherTab = await page.context().newPage()
    await otherTab.goto(api.url)
    await otherTab.locator('#own-id').getByText(`ID ${ANNA}`).waitFor()
    await page.context().route('**/send_chat_message.php', (route) => route.abort())
    await anna.write('not for everybody')
    await page.locator('#image-picker').setInputFiles({
      name: 'private.png',
      mimeType: 'image/png',
      buffer: landscape(),
    })
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await waitFor(async () => (await stored(page)).outbox === 2, 'two unsent messages')

    page.once('dialog', (dialog) => dialog.dismiss())
    await page.getByRole('button', { name: 'Sign out' }).click()
    expect((await stored(page)).outbox).toBe(2)
    const questions: string[] = []
    page.once('dialog', (dialog) => {
      questions.push(dialog.message())
      return dialog.accept()
    })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('User ID', { exact: true }).waitFor()
    await otherTab.getByLabel('User ID', { exact: true }).waitFor()

    expect(questions).toEqual(['2 messages are not sent yet, and lost if you sign out. Sign out?'])
    expect(await stored(page)).toEqual({ outbox: 0, session: null })
    await page.context().unroute('**/send_chat_message.php')
    await anna.signIn(api.url, ANNA + 1, 'Carl')
    await anna.startConversation(BILAL)
    await anna.write('from Carl')
    expect((await receiver.event('chat:message')).message).toBe('from Carl')
    expect(await anna.texts()).toEqual(['from Carl'])
  })

  test('block and unblock each other', async () => {
    const { api } = await startChat()
    const { anna, bilal } = await meet(api.url)
    await anna.page.getByRole('button', { name: 'Block this person' }).click()
    await anna.page.getByRole('button', { name: 'Block', exact: true }).click()
    await anna.page.getByText('You have blocked').waitFor()

    await bilal.write('why?')
    await bilal.page.getByText('Not sent.').waitFor()
    await bilal.page.getByText('You cannot write to').waitFor()
    await anna.page.getByRole('button', { name: 'Unblock' }).click()
    await anna.page.getByRole('textbox', { name: 'Message' }).waitFor()
    await bilal.page.getByRole('button', { name: 'Try again' }).click()

    await anna.page.locator('#message-list').getByText('why?').waitFor()
    // Chromium itself writes down each answer that is an error.
    expect(anna.complaints).toEqual([])
  })
})

describe.skipIf(!hasChromium())('one person', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('scrolls up through a long history, which stays where it is', async () => {
    const { api, daemon } = await startChat()
    // To somebody who was never here a new daemon would tell them all, page or no page.
    await (await connect(daemon.url, ANNA)).close()
    const texts = Array.from({ length: 130 }, (_, index) => `message ${index}`)
    for (const text of texts) await sendText(api.url, BILAL, ANNA, text)
    const anna = await Visitor.arrive(browser)
    await anna.signIn(api.url, ANNA, 'Anna')
    await anna.page.getByRole('button', { name: /message 129/ }).click()
    await anna.page.locator('#message-list').getByText('message 129').waitFor()
    await waitFor(async () => (await anna.texts()).length >= 50, 'the first page')
    const isAtItsEnd = () =>
      anna.page.locator('#messages').evaluate((scroller) => {
        const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop
        return scroller.scrollTop > 300 && below < 2
      })
    await waitFor(isAtItsEnd, 'the thread to stand at its end')

    const topOf = (text: string) =>
      anna.page
        .locator('#message-list')
        .getByText(text, { exact: true })
        .evaluate((element) => element.getBoundingClientRect().top)
    await anna.page.locator('#messages').evaluate((scroller) => {
      scroller.scrollTop = 300
    })
    const before = await topOf('message 85')
    await waitFor(async () => (await anna.texts()).length === 100, 'the second page')
    expect(Math.abs((await topOf('message 85')) - before)).toBeLessThanOrEqual(1)

    await anna.page.locator('#messages').evaluate((scroller) => {
      scroller.scrollTop = 0
    })
    await waitFor(async () => (await anna.texts()).length === 130, 'the last page')
    expect(await anna.texts()).toEqual(texts)
    await sendText(api.url, BILAL, ANNA, 'the newest')
    await anna.page.getByRole('button', { name: 'Go to the newest message' }).click()
    await anna.page.locator('#message-list').getByText('the newest').waitFor()
    expectNoComplaints(anna)
  })

  test('finds by keyboard alone what is unread, answers it, and goes back on a phone', async () => {
    const { api } = await startChat()
    await sendText(api.url, BILAL, ANNA, 'Are you there?')
    await sendText(api.url, 33, ANNA, 'Me too')
    const anna = await Visitor.arrive(browser, { viewport: { width: 390, height: 844 } })
    await anna.signIn(api.url, ANNA, 'Anna')
    const { page } = anna
    await page
      .getByRole('button', { name: /1 unread/ })
      .first()
      .waitFor()
    expect(await page.title()).toBe('(2) Chat')

    await page.getByRole('button', { name: /Me too/ }).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.locator('#message-list').getByText('Are you there?').waitFor()
    await page.keyboard.type('Yes')
    await page.keyboard.press('Enter')
    await page.locator(SENT).getByText('Yes').waitFor()
    await waitFor(async () => (await page.title()) === '(1) Chat', 'the count to sink')
    await page.getByRole('button', { name: 'Back to conversations' }).click()

    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
    // Browsers tell of a changed hash in a task of its own.
    await waitFor(async () => (await focused()).includes('You: Yes'), 'the focus to go back')
    expectNoComplaints(anna)
  })

  test('signs in by token where tokens are asked for, and sees private images', async () => {
    const settings = {
      CHAT_AUTH: 'jwt',
      CHAT_JWT_SECRET: 'a secret of the tests, of more than 32 characters',
      CHAT_MEDIA_AUTH: 'on',
    }
    const { api, folder } = await startChat(settings)
    const args = ['token', String(ANNA)]
    const token = (await runProgram('chat-websocket', args, folder, settings)).output.trim()
    const anna = await Visitor.arrive(browser)
    const { page } = anna
    await page.goto(api.url)
    await page.getByLabel('Token').fill('not.a.token')
    await page.getByRole('button', { name: 'Start chatting' }).click()
    await page.getByText('The token is not valid').waitFor()
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Start chatting' }).click()
    await anna.startConversation(BILAL)
    const file = { name: 'evening.png', mimeType: 'image/png', buffer: landscape(64, 48) }
    await page.getByLabel('Images', { exact: true }).setInputFiles(file)
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.locator(SENT).waitFor()

    await page.reload()

    const image = page.locator('.photo img')
    const width = () => image.evaluate((element: HTMLImageElement) => element.naturalWidth)
    await waitFor(async () => (await image.count()) === 1 && (await width()) === 64, 'the image')
    expectNoComplaints(anna)
  })
})
