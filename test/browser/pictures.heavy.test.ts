import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { fields, postMultipart } from '../support/forms.ts'
import { taggedJpeg, taggedPng, taggedWebp } from '../support/pictures.ts'
import { startApi } from '../support/processes.ts'
import { hasChromium, launchBrowser, Visitor } from './browser.ts'

const SIZE = { width: 48, height: 32 }
/** Lies on its side, as phones take pictures that are upright. */
const TURNED = 6
const PEOPLE = fields({ sender_id: 1, receiver_id: 2 })

type Page = Visitor['page']

/** A picture as a real encoder makes it. */
async function encoded(page: Page, type: string): Promise<Buffer> {
  const base64 = await page.evaluate(
    async ({ width, height, type }) => {
      const canvas = new OffscreenCanvas(width, height)
      // With an alpha channel a WebP has one more chunk.
      const options = { alpha: false }
      const context = canvas.getContext('2d', options) as OffscreenCanvasRenderingContext2D
      for (let x = 0; x < width; x += 1) {
        context.fillStyle = `hsl(${x * 7} 80% ${20 + x}%)`
        context.fillRect(x, 0, 1, height - x / 2)
      }
      const blob = await canvas.convertToBlob({ type, quality: 0.9 })
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())))
    },
    { ...SIZE, type },
  )
  return Buffer.from(base64, 'base64')
}

/** What an <img> of it shows: its size as it is seen, and its pixels. */
function shown(page: Page, content: Buffer, type: string) {
  return page.evaluate(
    async ({ base64, type }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const image = new Image()
      image.src = URL.createObjectURL(new Blob([bytes], { type }))
      await image.decode()
      const { naturalWidth: width, naturalHeight: height } = image
      const context = new OffscreenCanvas(width, height).getContext('2d')
      context?.drawImage(image, 0, 0)
      const pixels = Array.from(context?.getImageData(0, 0, width, height).data ?? []).join()
      return { width, height, pixels }
    },
    { base64: content.toString('base64'), type },
  )
}

const UPRIGHT = { width: SIZE.height, height: SIZE.width }

test.skipIf(!hasChromium()).for([
  ['image/jpeg', taggedJpeg, UPRIGHT],
  ['image/png', taggedPng, UPRIGHT],
  // Chromium does not turn those; other programs do.
  ['image/webp', (webp: Buffer, turn: number) => taggedWebp(webp, turn, SIZE), SIZE],
] as const)(
  'what is kept of a %s looks as it did, and as upright',
  async ([type, tagged, size]) => {
    const browser = await launchBrowser()
    onTestFinished(() => browser.close())
    const { page } = await Visitor.arrive(browser)
    const { url } = await startApi(temporaryFolder())
    await page.goto(url)
    const content = tagged(await encoded(page, type), TURNED)

    const part = { name: 'image', filename: 'IMG_1', contentType: type, content }
    const { body } = await postMultipart(`${url}/send_chat_message.php`, ...PEOPLE, part)
    const served = await fetch(body.data.media_url.replace('http://localhost:8080', url))
    const kept = Buffer.from(await served.arrayBuffer())

    const sent = await shown(page, content, type)
    expect(kept.length).toBeLessThan(content.length)
    expect(await shown(page, kept, type)).toEqual(sent)
    expect(sent).toMatchObject(size)
  },
)
