import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../support/wait.ts'
import { Auditor, type Verdict } from './auditor.ts'
import type { Expected, Fault, World } from './fault.ts'
import { Random } from './random.ts'
import { USUAL_LOAD } from './sender.ts'
import { type Said, Service } from './service.ts'
import { whyNoDisk } from './small-disk.ts'

export const FAULTS = new URL('faults/', import.meta.url)
/** A service that is not well by then does not get well by itself. */
const RECOVERY_MS_MAX = 30_000
const HEALTH_INTERVAL_MS = 200
/** Lines of each log, and answers of /health, that are shown when it does not get well. */
const LAST_WORDS = 30
/** Clients that resume get over it; others have missed something. */
const EVENTS_MISSED = /Events were lost before they were read/

export interface Row extends Verdict {
  fault: string
  /** From the end of the harm until messages flow and all processes say that they are well. */
  recoveredMs: number
}

export interface Effort {
  seed: number
  /** 1 for all that a fault can do; less for fewer kills in less time. */
  effort: number
}

/** All that there are, or those of these names and folders. */
export async function loadFaults(names: string[] = [], folder = FAULTS): Promise<Fault[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const known = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3))
  const isMeant = (fault: string, name: string) => fault === name || fault.startsWith(`${name}/`)
  const unknown = names.filter((name) => !known.some((fault) => isMeant(fault, name)))
  if (unknown.length > 0) throw new Error(`No such fault: ${unknown}. There are: ${known}`)
  const chosen = known.filter((fault) => {
    return names.length === 0 || names.some((name) => isMeant(fault, name))
  })
  return Promise.all(
    chosen.map(async (name) => (await import(new URL(`${name}.ts`, folder).href)).fault),
  )
}

/** Whether it can happen here, and if not, why. */
export function whyLeftOut(fault: Fault): string | undefined {
  return fault.missing?.() ?? (fault.diskBytes === undefined ? undefined : whyNoDisk())
}

/** Lets one fault happen to a service of its own, and looks at what became of every message. */
export async function runFault(fault: Fault, { seed, effort }: Effort): Promise<Row> {
  const random = new Random(seed)
  const database = await fault.database?.()
  try {
    const service = await Service.start(random.fork(), { ...fault, database })
    const auditor = new Auditor(service, { ...USUAL_LOAD, ...fault.load }, random.fork())
    const scaled = (full: number) => Math.max(1, Math.round(full * effort))
    try {
      return await observe(fault, { service, auditor, random, scaled })
    } finally {
      await auditor.stop()
      await service.destroy()
    }
  } finally {
    await database?.destroy()
  }
}

async function observe(fault: Fault, world: World): Promise<Row> {
  const { service, auditor } = world
  await fault.prepare?.(world)
  await auditor.start()
  await watchingHealth(service, () => fault.run(world))
  const recoveredMs = await recovery(world)
  await auditor.drain()
  const after = (await fault.findProblems?.(world)) ?? []
  const deaths = service.deaths
  const stops = await service.stop()
  const unsaid = findUnsaid(fault.expectSaid ?? {}, service.said)
  const verdict = await auditor.audit()
  const lost = fault.mayLose ? [] : [...verdict.problems, ...after]
  const missed = fault.mayLose || fault.mayMissEvents ? [] : findMissedEvents(service.said)
  const waits = findLongWaits(verdict, fault.waitsMsMax)
  const problems = [...deaths, ...stops, ...unsaid, ...missed, ...lost, ...waits]
  return { fault: fault.name, ...verdict, recoveredMs, problems }
}

async function watchingHealth(service: Service, run: () => Promise<void>): Promise<void> {
  let isOver = false
  const watch = async () => {
    while (!isOver) {
      await service.isHealthy()
      await delay(HEALTH_INTERVAL_MS)
    }
  }
  const watching = watch()
  await run().finally(() => {
    isOver = true
  })
  await watching
}

async function recovery({ service, auditor }: World): Promise<number> {
  const harmEndedAt = performance.now()
  const isWell = async () => (await auditor.isServed()) && (await service.isHealthy())
  await waitFor(isWell, 'the service to be well again', RECOVERY_MS_MAX).catch((error) => {
    const { logs, health } = service.said
    const words = [...logs.map((log) => log.slice(-LAST_WORDS)), health.slice(-LAST_WORDS)]
    throw new Error([error.message, ...words.flat()].join('\n'))
  })
  return Math.round(performance.now() - harmEndedAt)
}

function findMissedEvents({ log }: Said): string[] {
  const times = log.filter((line) => EVENTS_MISSED.test(line)).length
  return times === 0 ? [] : [`events were gone ${times} times before a daemon had read them`]
}

function findLongWaits({ answerMs, deliveryMs }: Verdict, waitsMsMax = Infinity): string[] {
  const waits = { 'an answer': answerMs, 'a message': deliveryMs }
  const long = Object.entries(waits).filter(([, ms]) => ms > waitsMsMax)
  return long.map(([what, ms]) => `a client waited ${ms} ms for ${what}`)
}

function findUnsaid(expected: Expected, said: Said): string[] {
  return (['log', 'health', 'status'] as const).flatMap((where) => {
    return (expected[where] ?? []).flatMap((pattern) => {
      if (!said[where].some((line) => pattern.test(line))) return [`${where} never said ${pattern}`]
      return where === 'log' ? findRepeated(pattern, said) : []
    })
  })
}

/** One thing that happens is one line of each process that it happens to. */
function findRepeated(pattern: RegExp, { logs }: Said): string[] {
  const times = logs.map((log) => log.filter((line) => pattern.test(line)).length)
  return times.flatMap((count) => (count > 1 ? [`a log said ${count} times ${pattern}`] : []))
}
