import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Uploads } from '../../src/media/uploads.ts'
import { filesBelow } from '../support/folders.ts'
import type { Send } from './ledger.ts'
import type { Service } from './service.ts'
import type { StoredMessage } from './stored.ts'

const A_DAY_MS = 24 * 60 * 60 * 1000

/**
 * Compares the media of a stopped service with its messages. A file that a crash has left is
 * not an orphan as long as the sweeper will find it: so the sweeper goes first, as it would tomorrow.
 */
export async function auditUploads(
  { mediaFolder: folder, mediaStore, uploadsFolder: uploadsDir }: Service,
  sends: Send[],
  stored: StoredMessage[],
): Promise<string[]> {
  const withFile = new Map(stored.flatMap((row) => (row.mediaPath ? [[row.mediaPath, row]] : [])))
  const limits = { imageBytesMax: 0, voiceBytesMax: 0 }
  const uploads = new Uploads({ uploadsDir, ...limits }, mediaStore)
  await uploads.sweep(async (path) => withFile.has(path), Date.now() + A_DAY_MS)
  const files = new Set(filesBelow(folder))
  const sendByBody = new Map(sends.map((send) => [send.body, send]))
  const orphans = [...files].filter((file) => !withFile.has(file))
  const wrong = [...withFile].filter(([path, { body }]) => {
    const sent = sendByBody.get(body)?.file?.content
    return !files.has(path) || sent === undefined || !sent.equals(readFileSync(join(folder, path)))
  })
  return [
    ...orphans.map((file) => `orphan file: ${file}`),
    ...wrong.map(([path, { messageId }]) => `message ${messageId} has lost its file: ${path}`),
  ]
}
