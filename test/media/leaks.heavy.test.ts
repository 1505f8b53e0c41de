import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { file, sendFile, withPaths } from '../support/forms.ts'
import { wavOf } from '../support/media.ts'
import { peakBytesDuring, residentBytes } from '../support/memory.ts'
import { startApi } from '../support/processes.ts'
import { openBucket } from '../support/s3/bucket.ts'
import { waitFor } from '../support/wait.ts'

const MB = 1024 * 1024
const VOICE = wavOf(5 * MB)

/** Reads the first bytes of a file, then hangs up. */
async function hangUp(url: string): Promise<void> {
  const asking = httpGet(url, { agent: false })
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  await once(answer, 'data')
  answer.on('error', () => {})
  answer.destroy()
}

test('whatever becomes of files, no descriptor and no memory is left to them', async () => {
  const bucket = await openBucket()
  const folder = temporaryFolder()
  const api = withPaths(await startApi(folder, bucket.settings), folder)
  const { pid } = api.program
  const openFiles = () => readdirSync(`/proc/${pid}/fd`).length
  const send = () => sendFile(api.endpoint, file('voice', VOICE))
  const useAll = async (times: number) => {
    for (let count = 0; count < times; count += 1) {
      const sent = await Promise.all([send(), send(), send()])
      const urls = sent.flatMap(({ status, body }) => {
        return status === 200 ? [api.url + new URL(body.data.media_url).pathname] : []
      })
      await Promise.all([...urls, ...urls].map(hangUp))
    }
  }
  await useAll(3)
  const before = { files: openFiles(), bytes: residentBytes(pid) }

  let asked = 0
  const harms = [{ cutsBodyAt: MB }, undefined, { cutsAnswerAt: 0 }, { cutsAnswerAt: MB }]
  bucket.proxy.harm = () => {
    asked += 1
    return harms[asked % harms.length]
  }
  const peakBytes = await peakBytesDuring(pid, () => useAll(8))
  bucket.proxy.harm = () => undefined

  await waitFor(() => openFiles() <= before.files, 'the descriptors to be given back')
  expect(peakBytes - before.bytes).toBeLessThan(100 * MB)
}, 120_000)
