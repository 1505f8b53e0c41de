import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../faults/random.ts'
import { Service } from '../faults/service.ts'
import type { Program } from '../support/running-program.ts'
import { waitFor } from '../support/wait.ts'
import { attackBy } from './attack-by.ts'
import type { Report } from './attackers.ts'
import { HealthyClients } from './healthy-clients.ts'
import { type Mode, type ModeName, openMode } from './mode.ts'
import { prepareScene } from './scene.ts'
import type { Scene } from './target.ts'
import { type Holding, Usage } from './usage.ts'
import { PROMISES } from './verdict.ts'

/** After the last attack: whatever is not given back by then is not given back. */
const SETTLE_MS_MAX = 30_000
/** Ordinary nonsense, so that code is compiled, and heaps have found their size, when it begins. */
const WARM_UP_KINDS = ['random requests', 'random frames']
const WARM_UP_MS_MAX = 3_000
/** Healthy clients alone: before, they warm up; after, they show that all is well again. */
const QUIET_MS = 1_000
/** A line of the log that tells of a bug, or of something that is down. */
const ERROR_LINE = / error /

export const PROGRAMS: readonly Program[] = ['chat-api', 'chat-websocket']

export interface Effort {
  seed: number
  milliseconds: number
  /** Names of kinds of attacks; none for all. */
  kinds?: string[]
}

/** What a program held before, at most, and when it had settled. */
export interface Held {
  start: Holding
  peak: Holding
  end: Holding
}

/** How long healthy clients had to wait at worst, ms: by the program's fault, and in all. */
export interface Stall {
  longestMs: number
  longestWithNoiseMs: number
}

export interface Outcome extends Report {
  mode: ModeName
  httpStall: Stall
  socketStall: Stall
  held: Record<Program, Held>
  /** Programs that died, or did not stop well. */
  crashes: string[]
  /** What did not go as it should for the healthy clients. */
  failures: string[]
  /** Uploads that are said to be arriving, still. */
  filesLeft: number
  /** What the log says of errors. */
  errorLines: string[]
}

/** Attacks a service in one mode while healthy clients use it, and looks at what that did to both. */
export async function besiege(name: ModeName, effort: Effort): Promise<Outcome> {
  const mode = await openMode(name)
  try {
    const service = await Service.start(new Random(effort.seed), { settings: mode.settings })
    try {
      return { mode: name, ...(await observe(service, mode, effort)) }
    } finally {
      await service.destroy()
    }
  } finally {
    mode.close()
  }
}

async function observe(
  service: Service,
  mode: Mode,
  effort: Effort,
): Promise<Omit<Outcome, 'mode'>> {
  const scene = await prepareScene(service, mode)
  const usages = PROGRAMS.map((program) => new Usage(service.pid(program)))
  await warmUp(scene, usages, effort)
  const clients = await startClients(service, mode, scene)
  await delay(QUIET_MS)
  const report = await attackBy({ scene, kinds: [], ...effort })
  await settle(usages, 'memoryMb', PROMISES.memoryGrowthMbMax)
  await delay(QUIET_MS)
  await clients.stop()
  await settle(usages, 'descriptors', PROMISES.descriptorGrowthMax)
  for (const usage of usages) usage.stop()
  const [api, daemon] = usages.map(({ start, peak, now }) => ({ start, peak, end: now }))
  const { deaths } = service
  return {
    ...report,
    httpStall: clients.httpWaits,
    socketStall: clients.socketWaits,
    held: { 'chat-api': api as Held, 'chat-websocket': daemon as Held },
    failures: clients.failures,
    filesLeft: readdirSync(join(service.uploadsFolder, '.incoming')).length,
    crashes: [...deaths, ...(await service.stop())],
    errorLines: service.said.log.filter((line) => ERROR_LINE.test(line)),
  }
}

async function warmUp(
  scene: Scene,
  usages: Usage[],
  { seed, milliseconds }: Effort,
): Promise<void> {
  const warmUpMs = Math.min(WARM_UP_MS_MAX, milliseconds / 3)
  await attackBy({ scene, seed, milliseconds: warmUpMs, kinds: WARM_UP_KINDS })
  await settle(usages, 'descriptors', PROMISES.descriptorGrowthMax)
  for (const usage of usages) usage.begin()
}

function startClients(
  service: Service,
  { headersOf }: Mode,
  { apiUrl, daemonUrl }: Scene,
): Promise<HealthyClients> {
  const pids = { api: service.pid('chat-api'), daemon: service.pid('chat-websocket') }
  return HealthyClients.start({ apiUrl, daemonUrl, pids, headersOf })
}

/** Resolves when the programs hold little more of something than at the beginning, or will not. */
async function settle(usages: Usage[], what: keyof Holding, growthMax: number): Promise<void> {
  const isBack = () => usages.every(({ start, now }) => !(now[what] - start[what] > growthMax))
  await waitFor(isBack, `${what} to come back`, SETTLE_MS_MAX).catch(() => {})
}
