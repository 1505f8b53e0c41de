import { readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DiskStore } from '../../src/media/disk.ts'
import { Uploads } from '../../src/media/uploads.ts'
import { filesBelow, sizesBelow, temporaryFolder } from '../support/folders.ts'
import {
  BODY_END,
  body,
  file,
  PEOPLE,
  partStart,
  StreamingUpload,
  sendHalf,
  withPaths,
} from '../support/forms.ts'
import { wavOf } from '../support/media.ts'
import { startApi } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const MB = 1024 * 1024
const VOICE_BYTES_MAX = 20 * MB
const HOUR_MS = 60 * 60 * 1000

/** An API of the test's own, and its uploads folder. */
async function start(settings: Record<string, string> = {}) {
  const folder = temporaryFolder()
  return withPaths(await startApi(folder, settings), folder)
}

test('what a killed process had half received is swept after an hour', async () => {
  const { program, endpoint, uploads } = await start()
  await sendHalf(endpoint, uploads)
  await program.kill()
  const [left = ''] = filesBelow(uploads)
  expect(left).toMatch(/^\.incoming\//)
  const lastWrittenAt = new Date('2026-01-23T20:30:45Z')
  utimesSync(join(uploads, left), lastWrittenAt, lastWrittenAt)
  const sizes = { imageBytesMax: MB, voiceBytesMax: MB }
  const sweeper = new Uploads({ uploadsDir: uploads, ...sizes }, new DiskStore(uploads))
  await sweeper.sweep(async () => false, lastWrittenAt.getTime() + HOUR_MS - 1)
  expect(filesBelow(uploads)).toEqual([left])
  await sweeper.sweep(async () => false, lastWrittenAt.getTime() + HOUR_MS)
  expect(filesBelow(uploads)).toEqual([])
})

test('ten voices of 20 MB at once raise the memory of the process by less than 128 MB', async () => {
  const { program, endpoint, uploads } = await start()
  // What a process needs once, for its first upload, is not what is asked for here.
  await uploadTogether(endpoint, uploads, 1)
  const before = memoryOf(program.pid, 'VmRSS')

  await uploadTogether(endpoint, uploads, 10)

  const rise = memoryOf(program.pid, 'VmHWM') - before
  expect(rise).toBeGreaterThan(0)
  // 10 MB on Node 20. On 24 buffers stay until a later collection: 40 MB, and 100 on a busy machine.
  expect(rise).toBeLessThan(128 * MB)
}, 60_000)

/** Uploads `count` voices of the largest size, all of them half-way at the same moment. */
async function uploadTogether(endpoint: string, uploads: string, count: number): Promise<void> {
  const first = Buffer.concat([partStart(file('voice', Buffer.alloc(0))), wavOf(MB)])
  const chunk = Buffer.alloc(64 * 1024)
  const chunks = (VOICE_BYTES_MAX - MB) / chunk.length
  const starting = Array.from({ length: count }, () => StreamingUpload.start(endpoint))
  const voices = await Promise.all(starting)
  const sendAll = async (from: number, to: number) => {
    const send = async (voice: StreamingUpload) => {
      for (let sent = from; sent < to; sent += 1) await voice.write(chunk)
    }
    await Promise.all(voices.map(send))
  }

  for (const voice of voices) {
    await voice.write(body(...PEOPLE).subarray(0, -BODY_END.length))
    await voice.write(first)
  }
  await sendAll(0, chunks / 2)
  const isHalf = (bytes: number) => bytes > VOICE_BYTES_MAX / 3 && bytes < VOICE_BYTES_MAX
  await waitFor(
    () => sizesBelow(uploads).filter(isHalf).length === count,
    `${count} half voices at once`,
  )
  await sendAll(chunks / 2, chunks)
  const answers = await Promise.all(voices.map((voice) => voice.finish()))

  for (const { status, body } of answers) {
    expect({ status, size: body.data?.file_size }).toEqual({ status: 200, size: VOICE_BYTES_MAX })
  }
}

/** Bytes of memory that a process has (VmRSS), or had at its most (VmHWM). */
function memoryOf(pid: number, measure: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${measure}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
}
