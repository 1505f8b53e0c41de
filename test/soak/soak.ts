import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Sqlite from 'better-sqlite3'
import { walBytes } from '../../src/sqlite/checkpoint.ts'
import { Auditor } from '../faults/auditor.ts'
import { Random } from '../faults/random.ts'
import { USUAL_LOAD } from '../faults/sender.ts'
import { Service } from '../faults/service.ts'
import { residentBytes } from '../support/memory.ts'
import { EverydayUse } from './everyday-use.ts'
import { type Figure, type Growth, judge } from './growth.ts'

// `npm run soak -- [--minutes N]`: steady mixed load, and whether anything grows.

const MINUTES = '10'
const SAMPLES = 120
/** A few hundred messages a second: both programs have time to spare. All resume: sockets break. */
const LOAD = { ...USUAL_LOAD, plainUsers: 0, pauseMsMax: 80, files: 0.01 }
const MEGABYTE = 1024 * 1024

const FIGURES: (Figure & { read: (service: Service) => number })[] = [
  {
    name: 'chat-api, memory',
    unit: 'MB',
    growthMax: 12,
    read: (service) => residentBytes(service.pid('chat-api')) / MEGABYTE,
  },
  {
    name: 'chat-websocket, memory',
    unit: 'MB',
    growthMax: 12,
    read: (service) => residentBytes(service.pid('chat-websocket')) / MEGABYTE,
  },
  {
    name: 'chat-api, open files',
    unit: '',
    growthMax: 5,
    // Connections aside: how many it keeps open is the client's affair, for a minute at least.
    read: (service) => openFiles(service.pid('chat-api')).filter(isNoSocket).length,
  },
  {
    name: 'chat-websocket, open files',
    unit: '',
    growthMax: 5,
    read: (service) => openFiles(service.pid('chat-websocket')).length,
  },
  {
    name: 'write-ahead log',
    unit: 'MB',
    // It starts over at 16 MB and keeps its file.
    growthMax: 17,
    read: (service) => walBytes(service.databasePath) / MEGABYTE,
  },
  { name: 'pending events', unit: '', growthMax: 500, read: pendingCount },
  { name: 'lag of the oldest event', unit: 's', growthMax: 0.5, read: lagSeconds },
]

/** Resolves with whether nothing has grown, and nothing was lost. */
async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: MINUTES } } })
  const milliseconds = Number(values.minutes) * 60_000
  if (!(milliseconds > 0)) throw new Error(`--minutes takes a positive number`)
  const random = new Random(Date.now())
  const service = await Service.start(random.fork())
  const auditor = new Auditor(service, LOAD, random.fork())
  const everyday = new EverydayUse(service, auditor, random.fork())
  try {
    await auditor.start()
    const using = everyday.run()
    const samples = await sample(service, milliseconds / SAMPLES)
    everyday.stop()
    await using
    return await report({ service, auditor, everyday }, samples)
  } finally {
    everyday.stop()
    await auditor.stop()
    await service.destroy()
  }
}

/** A series for each figure. */
async function sample(service: Service, intervalMs: number): Promise<number[][]> {
  const samples: number[][] = FIGURES.map(() => [])
  const startedAt = performance.now()
  for (let count = 1; count <= SAMPLES; count += 1) {
    await delay(Math.max(0, startedAt + count * intervalMs - performance.now()))
    for (const [index, { read }] of FIGURES.entries()) samples[index]?.push(read(service))
  }
  return samples
}

async function report(
  soaked: { service: Service; auditor: Auditor; everyday: EverydayUse },
  samples: number[][],
): Promise<boolean> {
  const { service, auditor, everyday } = soaked
  const growths = FIGURES.map((figure, index) => judge(samples[index] ?? [], figure))
  await auditor.drain()
  const problems = [...service.deaths, ...(await service.stop()), ...everyday.failures]
  const verdict = await auditor.audit()
  const { acknowledged, lost, repeated, outOfOrder } = verdict
  problems.push(...verdict.problems)
  console.log('| figure | start | middle | end | growth | may grow by | |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | --- |')
  for (const [index, figure] of FIGURES.entries()) console.log(line(figure, growths[index]))
  console.log(
    `\n${acknowledged} messages acknowledged, ${lost} lost, ${repeated} repeated, ${outOfOrder} out of order;` +
      ` ${everyday.requestCount} other requests, ${auditor.connectCount} connects`,
  )
  for (const problem of problems) console.log(`- ${problem}`)
  return problems.length === 0 && growths.every(({ hasGrown }) => !hasGrown)
}

function line(figure: Figure, growth: Growth | undefined): string {
  const { start = 0, middle = 0, end = 0, growth: by = 0, hasGrown } = growth ?? {}
  const numbers = [start, middle, end, by, figure.growthMax]
  const cells = numbers.map((value) => `${value.toFixed(1)} ${figure.unit}`.trim())
  return `| ${[figure.name, ...cells, hasGrown ? 'HAS GROWN' : 'ok'].join(' | ')} |`
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((name) => `/proc/${pid}/fd/${name}`)
}

function isNoSocket(path: string): boolean {
  try {
    return !readlinkSync(path).startsWith('socket:')
  } catch {
    // Closed meanwhile.
    return false
  }
}

function pendingCount({ databasePath }: Service): number {
  return ask(databasePath, 'SELECT count(*) FROM pending_events')
}

function lagSeconds({ databasePath }: Service): number {
  return ask(databasePath, 'SELECT lag_seconds FROM daemons')
}

function ask(databasePath: string, sql: string): number {
  const sqlite = new Sqlite(databasePath, { readonly: true })
  try {
    return sqlite.prepare<[], number>(sql).pluck().get() ?? 0
  } finally {
    sqlite.close()
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
process.exitCode = (await main()) ? 0 : 1
