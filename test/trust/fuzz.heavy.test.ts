import fc from 'fast-check'
import { expect, test } from 'vitest'
import { httpAttack } from '../support/attacks.ts'
import { connect, sendText } from '../support/clients.ts'
import { socketAttack } from '../support/frames.ts'
import { residentBytes } from '../support/memory.ts'
import { startChat } from '../support/processes.ts'
import { openSocket } from '../support/raw-http.ts'
import { parseReceived, type Received } from '../support/received.ts'
import { waitFor } from '../support/wait.ts'
import { type Attack, type Door, Outcomes, requestOf } from './outcome.ts'

const BUDGET_MS = 20_000
const ATTACKS_AT_ONCE = 48
/** Half a request, or a socket that stays open, is not waited for any longer. */
const PATIENCE_MS = 250
/** Beyond what it was after the first attacks. */
const MEMORY_GROWTH_BYTES_MAX = 64 * 1024 * 1024
const WARM_UP_RUNS = 5
/** Little room for garbage: what is measured is what is held. */
const LITTLE_GARBAGE = { NODE_OPTIONS: '--max-semi-space-size=2' }

const attack: fc.Arbitrary<Attack> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ door: fc.constant<Door>('api'), bytes: httpAttack }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ door: fc.constant<Door>('daemon'), bytes: socketAttack }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ door: fc.constantFrom<Door>('api', 'daemon'), bytes: httpAttack }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ door: fc.constant<Door>('api'), bytes: socketAttack }),
  },
)

/** Sends the bytes; returns what the server sent until it hung up. */
async function send(url: string, bytes: Buffer): Promise<Received> {
  const socket = await openSocket(url)
  const chunks: Buffer[] = []
  const timer = setTimeout(() => socket.end(), PATIENCE_MS)
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.write(bytes)
  await waitFor(() => socket.closed, 'the server to hang up', 25_000).finally(() => {
    clearTimeout(timer)
    socket.destroy()
  })
  return parseReceived(Buffer.concat(chunks), requestOf(bytes)?.method)
}

test('whatever comes in at either door, the service goes on, and answers as described', {
  timeout: 120_000,
}, async () => {
  const { api, daemon } = await startChat(LITTLE_GARBAGE)
  const urls = { api: api.url, daemon: daemon.url }
  const programs = [api.program, daemon.program]
  const pids = programs.map(({ pid }) => pid)
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
  console.log(`fuzz seed ${seed} (FUZZ_SEED repeats it)`)
  const seen = new Map<string, number>()
  const outcomes = new Outcomes()
  let runs = 0
  let startBytes: number[] = []

  const property = fc.asyncProperty(
    fc.array(attack, { minLength: ATTACKS_AT_ONCE, maxLength: ATTACKS_AT_ONCE }),
    async (attacks) => {
      if (runs === WARM_UP_RUNS) startBytes = pids.map(residentBytes)
      runs += 1
      for (const one of attacks) outcomes.expect(one)
      const received = await Promise.all(attacks.map(({ door, bytes }) => send(urls[door], bytes)))
      for (const [index, one] of attacks.entries()) {
        const { answers, texts, closeCode } = received[index] as Received
        const what = [...answers.map(({ status }) => status), ...texts.map(() => 'frame')]
        if (closeCode !== undefined) what.push(closeCode)
        for (const each of what) {
          const key = `${one.door} ${each}`
          seen.set(key, (seen.get(key) ?? 0) + 1)
        }
        expect(answers.filter(({ status }) => status >= 500)).toEqual([])
        expect(outcomes.problems(one, received[index] as Received)).toEqual([])
      }
      expect(programs.map(({ hasExited }) => hasExited)).toEqual([false, false])
    },
  )
  await fc.assert(property, {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: BUDGET_MS,
    markInterruptAsFailure: false,
  })

  // Not only refusals: what it fires gets through to the inside.
  expect(seen.get('api 200')).toBeGreaterThan(0)
  for (const what of ['101', 'frame', '1002']) {
    expect(seen.get(`daemon ${what}`), what).toBeGreaterThan(0)
  }
  const socket = await connect(daemon.url, 2_000_000)
  await sendText(api.url, 2_000_001, 2_000_000, 'Still there')
  expect(await socket.event('chat:message')).toMatchObject({ message: 'Still there' })
  expect(programs.map(({ pid, hasExited }) => [pid, hasExited])).toEqual(
    pids.map((pid) => [pid, false]),
  )
  // What a bug throws is in the log, even where no answer shows it.
  for (const { output } of programs) expect(output).not.toMatch(/ error /)
  const growth = () => pids.map((pid, at) => residentBytes(pid) - (startBytes[at] as number))
  const isBack = () => growth().every((bytes) => bytes < MEMORY_GROWTH_BYTES_MAX)
  await waitFor(isBack, 'the memory to come back', 20_000)
})
