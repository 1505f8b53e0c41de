import { expect, onTestFinished, test, vi } from 'vitest'
import { ChatError } from '../src/errors.ts'
import { Job } from '../src/jobs.ts'
import { createLog } from '../src/log.ts'
import { waitFor } from './support/wait.ts'

const EVERY_SECOND = '* * * * * *'
const INTERVAL_MS = 5

interface Line {
  level: string
  message: string
  error?: string
}

/** A job, and the lines of its log. */
function createJob(name: string, run: () => void | Promise<void>) {
  const lines: Line[] = []
  const log = createLog('json', (line) => lines.push(JSON.parse(line)))
  const job = new Job(name, log, run)
  onTestFinished(() => job.stop())
  return { job, lines }
}

/** Counts its runs, to tell the time by. */
function startMetronome() {
  const clock = { ticks: 0 }
  const { job } = createJob('Ticking', () => {
    clock.ticks += 1
  })
  job.every(INTERVAL_MS)
  return clock
}

/** A run that takes until it is told to finish. */
function slowRun() {
  const slow = { starts: 0, finish: () => {}, run: () => Promise.resolve() }
  const finished = new Promise<void>((resolve) => {
    slow.finish = resolve
  })
  slow.run = () => {
    slow.starts += 1
    return finished
  }
  return slow
}

test('a job never runs twice at once', async () => {
  const slow = slowRun()
  const { job, lines } = createJob('Dawdling', slow.run)
  job.every(INTERVAL_MS)
  await waitFor(() => slow.starts === 1, 'the job to start')
  const clock = startMetronome()
  await waitFor(() => clock.ticks >= 3, 'its next times')
  expect(slow.starts).toBe(1)
  slow.finish()
  await waitFor(() => slow.starts >= 2, 'it to run again')
  expect(lines).toEqual([])
})

test('a job runs at the times of its schedule, and prints nothing past the log', async () => {
  const consoles = [vi.spyOn(console, 'log'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')]
  onTestFinished(() => consoles.forEach((spy) => void spy.mockRestore()))
  let runs = 0
  const { job } = createJob('Sweeping', () => {
    runs += 1
  })
  job.at(EVERY_SECOND)
  await waitFor(() => runs >= 2, 'two runs')
  for (const spy of consoles) expect(spy).not.toHaveBeenCalled()
})

test('a clock that is set back by an hour keeps no timed job waiting', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now(), shouldAdvanceTime: true })
  onTestFinished(() => void vi.useRealTimers())
  const clock = startMetronome()
  await waitFor(() => clock.ticks > 0, 'a tick')
  vi.setSystemTime(Date.now() - 3_600_000)
  const { ticks } = clock
  await waitFor(() => clock.ticks > ticks + 2, 'more of them')
})

test('stop waits for the run under way, and no other starts', async () => {
  const slow = slowRun()
  const { job } = createJob('Dawdling', slow.run)
  job.every(INTERVAL_MS)
  await waitFor(() => slow.starts === 1, 'the job to start')
  let isStopped = false
  const stopping = job.stop().then(() => {
    isStopped = true
  })
  const clock = startMetronome()
  await waitFor(() => clock.ticks >= 3, 'the times of the next runs')
  expect(isStopped).toBe(false)
  slow.finish()
  await stopping
  expect(slow.starts).toBe(1)
  await job.stop()
})

test('runNow waits for the run under way, then runs once more', async () => {
  const slow = slowRun()
  const { job } = createJob('Dawdling', slow.run)
  job.every(INTERVAL_MS)
  await waitFor(() => slow.starts === 1, 'the job to start')
  const stopping = job.stop()
  const ran = job.runNow()
  expect(slow.starts).toBe(1)
  slow.finish()
  await Promise.all([stopping, ran])
  expect(slow.starts).toBe(2)
})

test('a failing job is logged once, goes on, and that it works again is logged once', async () => {
  let runs = 0
  const { job, lines } = createJob('Sweeping', () => {
    runs += 1
    if (runs <= 2) throw new Error(`failure ${runs}`)
  })
  job.every(INTERVAL_MS)
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

test('a job that fails for a known reason is logged with that reason, not with a stack', async () => {
  const { job, lines } = createJob('Sweeping', async () => {
    throw new ChatError('unavailable', 'The database is busy.')
  })
  job.every(INTERVAL_MS)
  await waitFor(() => lines.length > 0, 'the failure')
  const message = 'Sweeping failed; it will be tried again: The database is busy.'
  expect(lines).toEqual([{ time: expect.anything(), level: 'warn', message }])
})
