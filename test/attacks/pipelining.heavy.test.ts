import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folders.ts'
import { peakBytesDuring, residentBytes } from '../support/memory.ts'
import { startApi } from '../support/processes.ts'
import { openSocket } from '../support/raw-http.ts'
import { waitFor } from '../support/wait.ts'
import { head } from './request.ts'
import { writeHistory } from './scene.ts'
import { holdingOf } from './usage.ts'
import { Wire } from './wire.ts'

const FILE = head('GET', '/build/react.js.map')
const HISTORY = head('GET', '/get_conversation_messages.php?user_id=1&other_user_id=2&limit=100')
const GROWTH_BYTES_MAX = 100 * 1024 * 1024
const LITTLE_GARBAGE = { NODE_OPTIONS: '--max-semi-space-size=2' }

/** A connection that reads nothing, once the server has it. */
async function openUnread(url: string, descriptors: () => number) {
  const before = descriptors()
  const socket = await openSocket(url)
  socket.pause()
  await waitFor(() => descriptors() > before, 'the connection to be taken')
  return { socket, isCut: () => socket.closed || descriptors() <= before }
}

test('who pipelines 500 files, reads nothing and hangs up leaves no file open', async () => {
  const { program, url } = await startApi(temporaryFolder())
  const descriptors = () => holdingOf(program.pid).descriptors
  const before = descriptors()
  const { socket, isCut } = await openUnread(url, descriptors)

  socket.write(FILE.repeat(500))
  await waitFor(() => isCut() || descriptors() > before + 400, 'the files to be opened, or the cut')
  socket.destroy()

  await waitFor(() => descriptors() <= before, 'everything to be closed again')
})

test('who pipelines 3,000 histories and reads nothing takes no memory', {
  timeout: 60_000,
}, async () => {
  const { program, url } = await startApi(temporaryFolder(), LITTLE_GARBAGE)
  await writeHistory(url)
  const startBytes = residentBytes(program.pid)
  const isTooMuch = () => residentBytes(program.pid) - startBytes > GROWTH_BYTES_MAX

  const peakBytes = await peakBytesDuring(program.pid, async () => {
    const { socket, isCut } = await openUnread(url, () => holdingOf(program.pid).descriptors)
    socket.write(HISTORY.repeat(3_000))
    await waitFor(() => isCut() || isTooMuch(), 'the cut', 30_000)
  })

  expect(peakBytes - startBytes).toBeLessThan(GROWTH_BYTES_MAX)
})

test('one request after the other on a connection is answered; a second before the answer cuts it', async () => {
  const { url } = await startApi(temporaryFolder())
  await writeHistory(url)
  const statuses: number[] = []
  const onAnswer = (status: number) => void statuses.push(status)
  const wire = await Wire.open(url, { localAddress: '127.0.0.1', onAnswer })
  onTestFinished(() => wire.hangUp())

  await wire.ask(FILE.replace('GET', 'HEAD'))
  await wire.ask(head('GET', '/health'))
  await wire.ask(head('GET', '/client_config.json'))
  expect(statuses).toEqual([200, 200, 200])
  expect(wire.isOpen).toBe(true)

  wire.write(HISTORY.repeat(2))
  await waitFor(() => !wire.isOpen, 'the cut')
  expect(statuses.length).toBeLessThanOrEqual(4)
})
