import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { JWT_SECRET } from '../support/auth.ts'
import { temporaryFolder } from '../support/folders.ts'
import { residentBytes } from '../support/memory.ts'
import { startApi } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { fileStart, head, JSON_TYPE, MULTIPART_TYPE } from './request.ts'
import { Wire } from './wire.ts'

const JWT = { CHAT_AUTH: 'jwt', CHAT_JWT_SECRET: JWT_SECRET }
const LITTLE_GARBAGE = { NODE_OPTIONS: '--max-semi-space-size=2' }
const FILE_BYTES = 9_000_000
const JSON_BYTES = 2_000_000
const BODIES = 200
/** What is read and dropped leaves 30 to 65 MB of garbage; bodies that are kept would be 400 MB. */
const GROWTH_BYTES_MAX = 100 * 1024 * 1024
/** By then the server has taken a body, or said something, or does neither. */
const TAKEN_MS_MAX = 3_000
const ANSWERED_MS_MAX = 20_000
const LOOK_MS = 5

const OPEN_TO_STRANGERS = [
  ['POST', '/chat_websocket_broadcast.php'],
  ['HEAD', '/health'],
  ['HEAD', '/client_config.json'],
] as const

/** The most files that lie in a folder at any time while something is done. */
async function filesDuring(folder: string, work: () => Promise<void>): Promise<number> {
  const counts = [0]
  const look = () => void counts.push(readdirSync(folder).length)
  const timer = setInterval(look, LOOK_MS)
  await work().finally(() => clearInterval(timer))
  look()
  return Math.max(...counts)
}

async function openWire(url: string): Promise<Wire> {
  const wire = await Wire.open(url, { localAddress: '127.0.0.1' })
  onTestFinished(() => wire.hangUp())
  return wire
}

test.each(OPEN_TO_STRANGERS)(
  'no file of a stranger comes onto the disk: %s %s',
  async (method, path) => {
    const folder = temporaryFolder()
    const { url } = await startApi(folder, JWT)
    const start = fileStart('image', { sender_id: 1, receiver_id: 2 })
    const length = { 'Content-Length': String(FILE_BYTES) }
    const request = head(method, path, { ...MULTIPART_TYPE, ...length })
    const body = Buffer.concat([Buffer.from(start), Buffer.alloc(FILE_BYTES - start.length - 1)])

    const wire = await openWire(url)
    const files = await filesDuring(join(folder, 'uploads/.incoming'), async () => {
      wire.write(request)
      await wire.send(body, TAKEN_MS_MAX)
    })

    expect(files).toBe(0)
  },
)

test.each(OPEN_TO_STRANGERS)(
  `${BODIES} bodies of strangers that never end take no memory: %s %s`,
  {
    timeout: 60_000,
  },
  async (method, path) => {
    const { program, url } = await startApi(temporaryFolder(), { ...JWT, ...LITTLE_GARBAGE })
    const request = head(method, path, { ...JSON_TYPE, 'Content-Length': String(JSON_BYTES) })
    const body = Buffer.alloc(JSON_BYTES - 1, '{"event":"')
    const startBytes = residentBytes(program.pid)
    const growth = () => residentBytes(program.pid) - startBytes
    const wires = await Promise.all(Array.from({ length: BODIES }, () => openWire(url)))

    for (const wire of wires) {
      wire.write(request)
      wire.write(body)
    }
    const areRefused = () => wires.every((wire) => wire.isAnswered || !wire.isOpen)
    const isOver = () => growth() > GROWTH_BYTES_MAX || areRefused()
    // Who is not refused may wait: what counts is the memory.
    await waitFor(isOver, 'the refusals', ANSWERED_MS_MAX).catch(() => {})

    expect(growth()).toBeLessThan(GROWTH_BYTES_MAX)
  },
)
