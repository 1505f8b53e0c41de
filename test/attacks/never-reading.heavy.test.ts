import { expect, onTestFinished, test } from 'vitest'
import { limits } from '../../src/limits/limits.ts'
import { temporaryFolder } from '../support/folders.ts'
import { peakBytesDuring, residentBytes } from '../support/memory.ts'
import { startApi } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { head } from './request.ts'
import { writeHistory } from './scene.ts'
import { Wire } from './wire.ts'

const MB = 1024 * 1024
/** A page of such texts is 8 MB, of which the system's buffers take half. */
const TEXT_LENGTH = 20_000
const LONG_TEXT = '😀'.repeat(TEXT_LENGTH)
const SETTINGS = {
  CHAT_MAX_MESSAGE_LENGTH: String(TEXT_LENGTH),
  NODE_OPTIONS: '--max-semi-space-size=2',
}
const HISTORY = head('GET', '/get_conversation_messages.php?user_id=1&other_user_id=2&limit=100')
/** What is read from the database, made into text and thrown away, besides what is held. */
const GARBAGE_BYTES_MAX = 160 * MB

async function startWithHistory() {
  const { program, url } = await startApi(temporaryFolder(), SETTINGS)
  await writeHistory(url, {}, LONG_TEXT)
  return { pid: program.pid, url }
}

/** Asks for a history and reads nothing of it. */
async function askUnread(url: string, localAddress: string): Promise<void> {
  const wire = await Wire.open(url, { localAddress })
  onTestFinished(() => wire.hangUp())
  wire.stopReading()
  await wire.send(HISTORY)
}

/** Resolves with the status line and headers of an answer. */
async function answerTo(url: string, localAddress: string): Promise<string> {
  let answer = ''
  const onAnswer = (_status: number, answerHead: string) => {
    answer = answerHead
  }
  const wire = await Wire.open(url, { localAddress, onAnswer })
  onTestFinished(() => wire.hangUp())
  await wire.ask(HISTORY, 10_000)
  wire.hangUp()
  return answer
}

test('answers that one address does not read are held up to a limit; then it is told 429', {
  timeout: 60_000,
}, async () => {
  const { pid, url } = await startWithHistory()
  const startBytes = residentBytes(pid)

  const peakBytes = await peakBytesDuring(pid, async () => {
    await Promise.all(Array.from({ length: 60 }, () => askUnread(url, '127.0.0.1')))
    const isRefused = async () => (await answerTo(url, '127.0.0.1')).startsWith('HTTP/1.1 429 ')
    await waitFor(isRefused, 'the address to be refused')
  })

  expect(await answerTo(url, '127.0.0.1')).toMatch(/^retry-after: \d+\r$/im)
  expect(await answerTo(url, '127.0.0.2')).toMatch(/^HTTP\/1.1 200 /)
  const heldBytesMax = limits.bytesUnderWayPerAddress.max
  expect(peakBytes - startBytes).toBeLessThan(heldBytesMax + GARBAGE_BYTES_MAX)
})

test('answers that nobody reads are held up to a limit, whoever asked; then all are told 503', {
  timeout: 60_000,
}, async () => {
  const { pid, url } = await startWithHistory()
  const addresses = Array.from({ length: 10 }, (_, at) => `127.0.1.${at + 1}`)
  const startBytes = residentBytes(pid)

  const peakBytes = await peakBytesDuring(pid, async () => {
    for (const address of addresses) {
      await Promise.all(Array.from({ length: 16 }, () => askUnread(url, address)))
    }
    const isRefused = async () => (await answerTo(url, '127.0.0.2')).startsWith('HTTP/1.1 503 ')
    await waitFor(isRefused, 'everybody to be refused')
  })

  expect(await answerTo(url, '127.0.0.3')).toMatch(/^retry-after: \d+\r$/im)
  expect(peakBytes - startBytes).toBeLessThan(limits.bytesUnderWay.max + GARBAGE_BYTES_MAX)
})
