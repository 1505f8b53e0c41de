import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { ChatError } from '../../src/errors.ts'
import { DiskStore } from '../../src/media/disk.ts'
import type { MediaKind } from '../../src/media/kinds.ts'
import { Uploads } from '../../src/media/uploads.ts'
import { filesBelow, settled, temporaryFolder } from '../support/folders.ts'
import { IMAGES, jpeg, VOICES, wavOf } from '../support/media.ts'

const MB = 1024 * 1024
const HOUR_MS = 60 * 60 * 1000
/** What a process that is killed goes on to do. */
const DEAD = new Promise<never>(() => {})

async function openUploads(): Promise<{ uploads: Uploads; folder: string }> {
  const folder = temporaryFolder()
  const limits = { imageBytesMax: MB, voiceBytesMax: MB }
  const uploads = new Uploads({ uploadsDir: folder, ...limits }, new DiskStore(folder))
  await uploads.prepare()
  return { uploads, folder }
}

/**
 * Keeps a file for a message.
 *
 * @param post says which file the message has
 */
async function keep(uploads: Uploads, kind: MediaKind, post: (path: string) => Promise<string>) {
  const content = kind === 'image' ? jpeg() : wavOf(100)
  const upload = await uploads.receive(kind, Readable.from([content]))
  return uploads.keep(upload, async (path) => ({ message: { mediaPath: await post(path) } }))
}

/** Keeps a file in a process that dies while its message is posted; returns the path. */
function keepAndDie(uploads: Uploads, kind: MediaKind): Promise<string> {
  return new Promise((resolve) => {
    keep(uploads, kind, (path) => {
      resolve(path)
      return DEAD
    })
  })
}

test('a file that is cut off anywhere is taken or refused, and never an internal error', async () => {
  const { uploads, folder } = await openUploads()
  const receive = async (kind: MediaKind, content: Buffer) => {
    try {
      await uploads.discard(await uploads.receive(kind, Readable.from([content])))
    } catch (error) {
      expect(error).toMatchObject({ code: 'unsupported_type' })
    }
  }
  const lengths = Array.from({ length: 64 }, (_, index) => index + 1)
  for (const { content } of [...IMAGES, ...VOICES]) {
    await Promise.all(lengths.map((bytes) => receive('image', content.subarray(0, bytes))))
    await Promise.all(lengths.map((bytes) => receive('voice', content.subarray(0, bytes))))
  }
  expect(filesBelow(folder)).toEqual([])
})

test('a file that breaks off before its first byte leaves none behind', async () => {
  const { uploads, folder } = await openUploads()
  // The one that creates the file and the one that removes it race: often enough to see each win.
  for (let round = 0; round < 500; round++) {
    const stream = new Readable({ read() {} })
    stream.on('error', () => {})
    stream.destroy(new Error('cut'))
    await expect(uploads.receive('voice', stream)).rejects.toThrow()
  }
  expect(filesBelow(folder)).toEqual([])
})

test('the sweep takes files whose message was never committed, and no others', async () => {
  const { uploads, folder } = await openUploads()
  // As each of these leaves the folder: killed before the commit, after it, and not at all.
  const orphans = [await keepAndDie(uploads, 'image'), await keepAndDie(uploads, 'voice')]
  const committed = await keepAndDie(uploads, 'voice')
  const settledPath = (await keep(uploads, 'voice', async (path) => path)).message.mediaPath
  const foreign = 'chat/images/of-another-program.jpg'
  writeFileSync(join(folder, foreign), jpeg())

  const sweep = (now: number) => uploads.sweep(async (path) => path === committed, now)
  await sweep(Date.now())
  expect(filesBelow(folder)).toEqual(expect.arrayContaining(orphans))
  await sweep(Date.now() + HOUR_MS + 60_000)

  expect(filesBelow(folder)).toEqual([committed, settledPath, foreign].sort())
})

test('a sweep that cannot ask for messages removes nothing', async () => {
  const { uploads, folder } = await openUploads()
  await keepAndDie(uploads, 'voice')
  const before = filesBelow(folder)
  const down = new Error('The database is away')
  const sweeping = uploads.sweep(() => Promise.reject(down), Date.now() + 2 * HOUR_MS)
  await expect(sweeping).rejects.toBe(down)
  expect(filesBelow(folder)).toEqual(before)
})

test('a message that is refused, or that an earlier try has stored, leaves no file', async () => {
  const { uploads, folder } = await openUploads()
  for (const code of ['forbidden', 'unavailable'] as const) {
    const refuse = () => Promise.reject(new ChatError(code, 'No'))
    await expect(keep(uploads, 'voice', refuse)).rejects.toThrow('No')
    expect(filesBelow(folder)).toEqual([])
  }
  await keep(uploads, 'voice', async () => 'chat/voice/of-the-first-try.wav')
  expect(await settled(folder)).toEqual([])
})

test('a message that its own first try turns out to have stored has its file', async () => {
  const { uploads, folder } = await openUploads()
  const { message } = await keep(uploads, 'voice', async (path) => path)
  expect(await settled(folder)).toEqual([message.mediaPath])
})

test('the file of a message that may be committed stays, until a sweep finds out', async () => {
  const { uploads, folder } = await openUploads()
  const lost = new ChatError('uncertain', 'Lost')
  const paths: string[] = []
  for (const error of [lost, new Error('a bug'), lost]) {
    const fail = (path: string) => {
      paths.push(path)
      return Promise.reject(error)
    }
    await expect(keep(uploads, 'voice', fail)).rejects.toBe(error)
  }
  expect(filesBelow(folder)).toEqual(expect.arrayContaining(paths))
  const [posted = ''] = paths
  await uploads.sweep(async (path) => path === posted, Date.now() + 2 * HOUR_MS)
  expect(filesBelow(folder)).toEqual([posted])
})
