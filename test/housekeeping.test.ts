import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ChatError } from '../src/errors.ts'
import { type Chore, Housekeeping } from '../src/housekeeping.ts'
import { createLog } from '../src/log.ts'
import { Checkpointer } from '../src/sqlite/checkpointer.ts'
import { sendText } from './support/clients.ts'
import { startApi, temporaryFolder } from './support/processes.ts'
import { waitFor } from './support/wait.ts'

const EVERY_SECOND = '* * * * * *'
const MEGABYTE = 1024 * 1024

interface Line {
  level: string
  message: string
  error?: string
}

/** A log, and what was written to it. */
function logged() {
  const lines: Line[] = []
  return { lines, log: createLog('json', (line) => lines.push(JSON.parse(line))) }
}

/** Counts its runs, to tell the time by: whoever has the same schedule had as many chances. */
function metronome() {
  const clock = { ticks: 0 }
  const chore: Chore = {
    name: 'Ticking',
    schedule: EVERY_SECOND,
    run: () => {
      clock.ticks += 1
    },
  }
  return { clock, chore }
}

function keepHouse(chores: Chore[]) {
  const { lines, log } = logged()
  const housekeeping = new Housekeeping(chores, log)
  onTestFinished(() => housekeeping.stop())
  return { housekeeping, lines }
}

/** A chore that takes until it is told to finish. */
function slowChore() {
  const slow = { starts: 0, finish: () => {} }
  const finished = new Promise<void>((resolve) => {
    slow.finish = resolve
  })
  const run = () => {
    slow.starts += 1
    return finished
  }
  return { slow, chore: { name: 'Dawdling', schedule: EVERY_SECOND, run } }
}

test('a chore never runs twice at once, without a word about it', async () => {
  const consoles = [vi.spyOn(console, 'log'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')]
  onTestFinished(() => consoles.forEach((spy) => void spy.mockRestore()))
  const { slow, chore } = slowChore()
  const { clock, chore: ticking } = metronome()
  const { lines } = keepHouse([chore, ticking])

  await waitFor(() => slow.starts === 1, 'the slow chore to start')
  const { ticks } = clock
  await waitFor(() => clock.ticks >= ticks + 2, 'its next times')
  expect(slow.starts).toBe(1)
  slow.finish()
  await waitFor(() => slow.starts >= 2, 'it to run again')

  expect(lines).toEqual([])
  for (const spy of consoles) expect(spy).not.toHaveBeenCalled()
})

test.for([
  ['back', -3_600],
  ['forward', 3_600],
] as const)('a clock that is set %s by an hour keeps no chore waiting', async ([way, seconds]) => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now(), shouldAdvanceTime: true })
  onTestFinished(() => void vi.useRealTimers())
  const { clock, chore } = metronome()
  const { lines } = keepHouse([chore])
  await waitFor(() => clock.ticks > 0, 'a tick')

  vi.setSystemTime(Date.now() + seconds * 1_000)
  const { ticks } = clock
  await waitFor(() => clock.ticks > ticks + 2, 'more of them')

  expect(lines.map(({ message }) => message)).toEqual([`The clock was set ${way} by 3600 s`])
})

test('stop waits for the chore that runs, and no other starts', async () => {
  const { slow, chore } = slowChore()
  const { clock, chore: ticking } = metronome()
  const { housekeeping } = keepHouse([chore, ticking])
  await waitFor(() => slow.starts === 1, 'the slow chore to start')

  let isStopped = false
  const stopping = housekeeping.stop().then(() => {
    isStopped = true
  })
  const { ticks } = clock
  const nextTick = Date.now() + 1_100
  await waitFor(() => Date.now() > nextTick, 'the time of the next run')
  expect(isStopped).toBe(false)
  slow.finish()
  await stopping

  expect(slow.starts).toBe(1)
  expect(clock.ticks).toBe(ticks)
  await housekeeping.stop()
})

test('a failing chore is logged once, goes on, and its recovery is logged once', async () => {
  let runs = 0
  const run = () => {
    runs += 1
    if (runs <= 2) throw new Error(`failure ${runs}`)
  }
  const { lines } = keepHouse([{ name: 'Sweeping', schedule: EVERY_SECOND, run }])

  await waitFor(() => runs >= 4, 'four runs')

  expect(lines).toMatchObject([
    {
      level: 'error',
      message: 'Sweeping failed; it will be tried again',
      error: expect.stringMatching(/^Error: failure 1\n +at /),
    },
    { level: 'info', message: 'Sweeping works again' },
  ])
})

test('a chore that fails for a known reason is logged with that reason, not with a stack', async () => {
  const run = async () => {
    throw new ChatError('unavailable', 'The database is busy.')
  }
  const { lines } = keepHouse([{ name: 'Sweeping', schedule: EVERY_SECOND, run }])

  await waitFor(() => lines.length > 0, 'the failure')

  const message = 'Sweeping failed; it will be tried again: The database is busy.'
  expect(lines).toEqual([{ time: expect.anything(), level: 'error', message }])
})

test('a failing chore does not keep the others from running', async () => {
  const { clock, chore } = metronome()
  const run = () => Promise.reject(new Error('no'))
  keepHouse([{ name: 'Sweeping', schedule: EVERY_SECOND, run }, chore])
  await waitFor(() => clock.ticks >= 2, 'the other')
})

/** A database's name whose WAL is so large, on paper. */
function walOf(bytes: number): string {
  const path = join(temporaryFolder(), 'chat.db')
  writeFileSync(`${path}-wal`, '')
  truncateSync(`${path}-wal`, bytes)
  return path
}

test('a checkpoint thread that dies fails one run after the other, and hangs none', async () => {
  // Beside the TypeScript source there is no checkpoint-worker.js: no thread gets to start.
  const checkpointer = new Checkpointer(walOf(4 * MEGABYTE), logged().log)
  await expect(checkpointer.run()).rejects.toThrow('checkpoint-worker.js')
  await expect(checkpointer.run()).rejects.toThrow('checkpoint-worker.js')
  await checkpointer.stop()
})

test('a WAL of less than 4 MB is left alone', async () => {
  await new Checkpointer(walOf(4 * MEGABYTE - 1), logged().log).run()
  await new Checkpointer(join(temporaryFolder(), 'none.db'), logged().log).run()
})

test('a WAL that grows past 256 MB is warned of, once until it has shrunk', async () => {
  const path = walOf(256 * MEGABYTE - 1)
  const { lines, log } = logged()
  const checkpointer = new Checkpointer(path, log)
  const runs = async (bytes: number) => {
    truncateSync(`${path}-wal`, bytes)
    await checkpointer.run().catch(() => {})
    return lines.length
  }

  expect(await runs(256 * MEGABYTE - 1)).toBe(0)
  expect(await runs(256 * MEGABYTE)).toBe(1)
  expect(await runs(300 * MEGABYTE)).toBe(1)
  expect(await runs(0)).toBe(1)
  expect(await runs(256 * MEGABYTE)).toBe(2)
  expect(lines[0]).toMatchObject({
    level: 'warn',
    message: 'The write-ahead log has grown to 256 MB: some program keeps a read open',
  })
})

test('the running API copies a WAL past 4 MB back, while it answers', async () => {
  const folder = temporaryFolder()
  const { url, program } = await startApi(folder)
  const path = join(folder, 'chat.db')
  const writer = new Sqlite(path, { timeout: 10_000 })
  onTestFinished(() => {
    writer.close()
  })
  // What is copied back is the doing of the API alone.
  writer.pragma('wal_autocheckpoint = 0')
  const insert = writer.prepare("INSERT INTO pending_events (event, data) VALUES ('test', ?)")
  const row = JSON.stringify({ text: 'x'.repeat(MEGABYTE / 2) })
  let posted = 0
  const poster = async () => {
    for (let count = 0; count < 50; count += 1) {
      await sendText(url, 1, 2, 'Hello')
      posted += 1
    }
  }

  const posting = Promise.all([poster(), poster()])
  for (let count = 0; count < 10; count += 1) insert.run(row)
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(4 * MEGABYTE)
  await waitFor(() => statSync(path).size > 4 * MEGABYTE, 'the database file to grow')
  await posting

  expect(posted).toBe(100)
  // All of it is in the file now, so the next frames start the WAL over instead of making it longer.
  const allCopied = () => {
    const [state] = writer.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[]
    return state !== undefined && state.log === state.checkpointed
  }
  await waitFor(allCopied, 'the rest to be copied')
  const { size } = statSync(`${path}-wal`)
  for (let count = 0; count < 5; count += 1) insert.run(row)
  expect(statSync(`${path}-wal`).size).toBe(size)
  expect(program.output.trimEnd().split('\n')).toHaveLength(3)
})
