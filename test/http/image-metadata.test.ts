import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChatError } from '../../src/errors.ts'
import { limits } from '../../src/limits/limits.ts'
import { withoutMetadata } from '../../src/media/image-metadata.ts'
import { get } from '../support/clients.ts'
import { temporaryFolder } from '../support/folders.ts'
import { fields, postMultipart } from '../support/forms.ts'
import { startApi } from '../support/in-process.ts'
import { IMAGES, jpeg, VOICES } from '../support/media.ts'
import {
  COLOUR_PROFILE,
  LATITUDE,
  SECRETS,
  taggedJpeg,
  taggedPng,
  taggedWebp,
} from '../support/pictures.ts'

const PEOPLE = fields({ sender_id: 1, receiver_id: 2 })
const ONE_PIXEL = { width: 1, height: 1 }

function imageOf(label: string): Buffer {
  return IMAGES.find((sample) => sample.label === label)?.content as Buffer
}

const TAGGED = [
  { label: 'JPEG', image: (turn: number) => taggedJpeg(imageOf('JPEG'), turn) },
  { label: 'JPEG, Intel order', image: (turn: number) => taggedJpeg(imageOf('JPEG'), turn, 'II') },
  { label: 'PNG', image: (turn: number) => taggedPng(imageOf('PNG'), turn) },
  { label: 'WebP', image: (turn: number) => taggedWebp(imageOf('WebP'), turn, ONE_PIXEL) },
]

async function cleaned(chunks: Buffer[]): Promise<Buffer> {
  const kept: Buffer[] = []
  for await (const chunk of withoutMetadata(Readable.from(chunks))) kept.push(chunk)
  return Buffer.concat(kept)
}

function cut(content: Buffer, bytes: number): Buffer[] {
  const count = Math.ceil(content.length / bytes)
  return Array.from({ length: count }, (_, index) =>
    content.subarray(index * bytes, (index + 1) * bytes),
  )
}

function secretsIn(content: Buffer): string[] {
  const found: string[] = SECRETS.filter((secret) => content.includes(secret))
  for (const write of ['writeUInt32BE', 'writeUInt32LE'] as const) {
    const latitude = Buffer.alloc(4)
    latitude[write](LATITUDE)
    if (content.includes(latitude)) found.push('latitude')
  }
  return found
}

/** The entry of an EXIF that says which side is up, in the one order that is written. */
function turnIn(content: Buffer): number | undefined {
  const at = content.indexOf(Buffer.from([0x01, 0x12, 0, 3, 0, 0, 0, 1]))
  return at === -1 ? undefined : content.readUInt16BE(at + 8)
}

test.for(TAGGED)(
  '$label says nothing of where, when and by whom it was taken',
  async ({ image }) => {
    const tagged = image(6)
    expect(secretsIn(tagged)).toContain('latitude')
    expect(secretsIn(tagged)).toContain('SecretCity')

    for (const bytes of [1, 3, 64, tagged.length]) {
      const kept = await cleaned(cut(tagged, bytes))
      expect(secretsIn(kept)).toEqual([])
      expect(kept.equals(await cleaned([kept]))).toBe(true)
    }
  },
)

test.for(TAGGED)(
  '$label keeps the side that is up, its colours and its picture',
  async ({ label, image }) => {
    for (const turn of [1, 3, 6, 8]) {
      const kept = await cleaned([image(turn)])
      expect(turnIn(kept)).toBe(turn)
      if (label !== 'PNG') expect(kept.includes(COLOUR_PROFILE)).toBe(true)
    }
    const plain = imageOf(label.split(',')[0] as string)
    const picture = label === 'WebP' ? plain.subarray(12) : plain.subarray(label === 'PNG' ? 33 : 2)
    expect((await cleaned([image(6)])).includes(picture)).toBe(true)
  },
)

test('a turn that makes no sense is none', async () => {
  for (const turn of [0, 9, 65_535]) {
    expect(turnIn(await cleaned([taggedJpeg(jpeg(), turn)]))).toBeUndefined()
  }
})

test('a picture without anything beside it, and what is no such picture, stay byte for byte', async () => {
  for (const { content } of [...IMAGES, ...VOICES]) {
    for (const bytes of [1, 7, content.length]) {
      expect((await cleaned(cut(content, bytes))).equals(content)).toBe(true)
    }
  }
})

test('an image of 10,000 parts is taken, and one of more is refused', async () => {
  const comment = Buffer.from([0xff, 0xfe, 0, 2])
  const plain = jpeg()
  const own = [...plain].filter((byte, at) => byte === 0xff && (plain[at + 1] ?? 0) >= 0xc0).length
  const withComments = (count: number) =>
    Buffer.concat([plain.subarray(0, 2), ...Array(count).fill(comment), plain.subarray(2)])
  // The beginning of the file is none.
  const room = limits.imageParts.max - (own - 1)

  expect((await cleaned([withComments(room)])).equals(plain)).toBe(true)
  const error = await cleaned([withComments(room + 1)]).catch((error) => error)
  expect(error).toBeInstanceOf(ChatError)
  expect(error.code).toBe('too_large')
})

test('whatever is broken in a picture, it ends, and grows by no more than its new EXIF', async () => {
  const tagged = TAGGED.map(({ image }) => image(6))
  const damages = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
  const property = fc.asyncProperty(
    fc.constantFrom(...tagged),
    damages,
    fc.nat(),
    fc.integer({ min: 1, max: 100 }),
    async (content, changes, end, bytes) => {
      const damaged = Buffer.from(content.subarray(0, content.length - (end % 64)))
      for (const [at, value] of changes) damaged[at % damaged.length] = value
      const kept = await cleaned(cut(damaged, bytes))
      expect(kept.length).toBeLessThanOrEqual(damaged.length)
    },
  )
  await fc.assert(property, { numRuns: 2_000 })
})

test('what a picture was sent with is not served, and file_size is what is kept', async () => {
  const { url } = await startApi(temporaryFolder())
  const endpoint = `${url}/send_chat_message.php`
  for (const { label, image } of TAGGED) {
    const content = image(6)
    const part = { name: 'image', filename: 'IMG_1.jpg', contentType: 'image/jpeg', content }
    const { status, body } = await postMultipart(endpoint, ...PEOPLE, part)
    expect({ label, status }).toEqual({ label, status: 200 })
    const served = await fetch(body.data.media_url.replace('http://localhost:8080', url))
    const kept = Buffer.from(await served.arrayBuffer())
    expect(secretsIn(kept)).toEqual([])
    expect(turnIn(kept)).toBe(6)
    expect(body.data.file_size).toBe(kept.length)
  }
  const history = await get(`${url}/get_conversation_messages.php?user_id=1&other_user_id=2`)
  expect(history.body.data.messages).toHaveLength(TAGGED.length)
})
