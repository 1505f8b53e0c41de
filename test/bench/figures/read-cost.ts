import { setTimeout as delay } from 'node:timers/promises'
import type { Figure } from '../figure.ts'
import { Chatter } from '../load/chatter.ts'
import { SocketClient } from '../load/socket-client.ts'
import type { SharedChatPeer } from '../peers/shared-chat.ts'
import { cpuSeconds } from '../process-usage.ts'
import { alternate, pick } from '../rounds.ts'
import { ServerStatus } from '../server-status.ts'
import { percentile } from '../statistics.ts'
import { BARE_TIMER_NAME, startBareTimer } from './idle.ts'

const ROUNDS = 3
/** For half a minute after its start a daemon reads all events, for clients that come back. */
const SETTLE_MS = 32_000
const IDLE_MS = 5_000
const WARM_UP_SECONDS = 1
const PER_SECOND = 500
const STEADY_SECONDS = 5

/** Of the users. A number of daemons that divides it has each one's users in shards of its own. */
const SHARDS = 256
const FIRST_LISTENER_ID = 1

/** What a second costs. */
interface Cost {
  /** Processor time, in % of a core. */
  database: number
  /** Of one of them. */
  daemon: number
  bareTimer: number
  queries: number
  rowsRead: number
}

interface Round {
  idle: Cost
  busy: Cost
  deliveries: number[]
}

type Results = Record<string, Round[]>

/** Daemons, and whether a user of each shard is at each of them, or those of a shard at one. */
export interface Setting {
  start: () => Promise<SharedChatPeer>
  isByShard: boolean
}

/**
 * What it costs that each daemon polls by itself: first while nobody talks, then at a steady rate.
 * The figures are about the first setting.
 */
export async function readCost(settings: Record<string, Setting>): Promise<Figure[]> {
  const results = await alternate(
    ROUNDS,
    Object.fromEntries(
      Object.entries(settings).map(([name, setting]) => [name, () => playRound(setting)]),
    ),
  )
  const [name] = Object.keys(settings)
  const rate = `${PER_SECOND}/s`
  return [
    ...costFigures(`${name}, idle`, results, ({ idle }) => idle),
    ...costFigures(`${name}, ${rate}`, results, ({ busy }) => busy),
    {
      name: `${name}, ${rate}: end to end p50`,
      unit: 'ms',
      rounds: pick(results, ({ deliveries }) => percentile(deliveries, 50)),
    },
  ]
}

function costFigures(when: string, results: Results, costOf: (round: Round) => Cost): Figure[] {
  const values = (value: (cost: Cost) => number) => pick(results, (round) => value(costOf(round)))
  // Of the same rounds as the first setting, about which the figures are.
  const [bareTimers = []] = Object.values(values(({ bareTimer }) => bareTimer))
  const [percent, rate] = ['% of a core', '/s']
  return [
    {
      name: `${when}: the database`,
      unit: percent,
      rounds: values(({ database }) => database),
    },
    {
      name: `${when}: each daemon`,
      unit: percent,
      rounds: { ...values(({ daemon }) => daemon), [BARE_TIMER_NAME]: bareTimers },
    },
    { name: `${when}: queries`, unit: rate, rounds: values(({ queries }) => queries) },
    { name: `${when}: rows read`, unit: rate, rounds: values(({ rowsRead }) => rowsRead) },
  ]
}

async function playRound({ start, isByShard }: Setting): Promise<Round> {
  const peer = await start()
  const [chatter, audience, status, timer] = [
    await Chatter.open(peer),
    await openAudience(peer, isByShard),
    await ServerStatus.open(peer.mariadb),
    startBareTimer(),
  ]
  const measure = (work: () => Promise<unknown>) => costOf(work, peer, status, timer.pid)
  try {
    await delay(SETTLE_MS)
    const idle = await measure(() => delay(IDLE_MS))
    await chatter.sendSteadily(PER_SECOND, WARM_UP_SECONDS)
    let deliveries: number[] = []
    const busy = await measure(async () => {
      deliveries = (await chatter.sendSteadily(PER_SECOND, STEADY_SECONDS)).deliveries
    })
    return { idle, busy, deliveries }
  } finally {
    await Promise.all([...audience, chatter, status].map((each) => each.close()))
    await timer.kill()
    await peer.stop()
  }
}

/** As many users as there are shards for each daemon, who only listen. */
async function openAudience(peer: SharedChatPeer, isByShard: boolean): Promise<SocketClient[]> {
  const { socketUrls, protocol } = peer
  const sockets: SocketClient[] = []
  for (const [index, url] of socketUrls.entries()) {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const door = isByShard ? peer : { socketUrls: [url], protocol }
      sockets.push(await SocketClient.open(door, FIRST_LISTENER_ID + index * SHARDS + shard))
    }
  }
  return sockets
}

async function costOf(
  work: () => Promise<unknown>,
  { mariadb, daemonPids }: SharedChatPeer,
  status: ServerStatus,
  timerPid: number,
): Promise<Cost> {
  const read = async () => ({
    ...(await status.read()),
    at: performance.now() / 1000,
    database: cpuSeconds([mariadb.pid]) * 100,
    daemon: (cpuSeconds(daemonPids) / daemonPids.length) * 100,
    bareTimer: cpuSeconds([timerPid]) * 100,
  })
  const before = await read()
  await work()
  const after = await read()
  const perSecond = (what: keyof typeof after) =>
    (after[what] - before[what]) / (after.at - before.at)
  return {
    database: perSecond('database'),
    daemon: perSecond('daemon'),
    bareTimer: perSecond('bareTimer'),
    queries: perSecond('queries'),
    rowsRead: perSecond('rowsRead'),
  }
}
