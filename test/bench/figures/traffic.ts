import type { Figure } from '../figure.ts'
import { Chatter, type Traffic } from '../load/chatter.ts'
import type { ChatPeer } from '../peers/chat.ts'
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds } from '../process-usage.ts'
import { alternate, pick } from '../rounds.ts'
import { median, percentile } from '../statistics.ts'

/** Peers that are driven alike, by name. The first is ours. */
export type Peers = Record<string, Peer>

const FLAT_OUT_SECONDS = 2
const FLAT_OUT_ROUNDS = 6
const WARM_UP_SECONDS = 2
const ROUNDS = 6
/** A stall happens now and then: ours is watched for 30 s in all. */
const OURS_SECONDS = 5
const THEIRS_SECONDS = 3
const [STEADY, CALM] = [1_000, 200]

/**
 * Everybody sends as fast as they are answered. On some machines sends miss 0.6 of the floor, which
 * answers from memory in one process; ours commits, waits for the disk, and passes three processes on
 * two cores: half of their processor time goes to the HTTP request, as there, most of the other half
 * to SQLite. One commit is shared by all sends that arrive in a turn. php-fpm and MariaDB work on both
 * cores: so some 5 to 6 times PHP, not 10.
 */
export async function flatOut(peers: Peers): Promise<Figure[]> {
  const sendsPerSecond = ({ acknowledged, seconds }: Traffic) => acknowledged / seconds
  const send = (chatter: Chatter) => chatter.sendFlatOut(FLAT_OUT_SECONDS)
  const results = await drive(peers, FLAT_OUT_ROUNDS, send, { value: sendsPerSecond })
  return [
    {
      name: 'Durable sends, 64 senders flat out',
      unit: '/s',
      rounds: pick(results, sendsPerSecond),
      targets: [
        { bound: 'at least', value: 0.6, of: 'floor' },
        { bound: 'at least', value: 10, of: 'php' },
      ],
    },
    {
      name: 'Processor time of the server per send, flat out',
      unit: 'µs',
      rounds: pick(results, ({ server, acknowledged }) => (server.cpu / acknowledged) * 1e6),
    },
    {
      name: 'Reads and writes of the server per send, flat out',
      unit: 'calls',
      rounds: pick(results, ({ server, acknowledged }) => server.calls / acknowledged),
    },
    {
      name: 'Written to the disk per send, flat out',
      unit: 'bytes',
      rounds: pick(results, ({ server, acknowledged }) => server.writtenBytes / acknowledged),
    },
    {
      name: 'Processor time of the load itself per send',
      unit: 'µs',
      rounds: pick(results, ({ loadCpu, acknowledged }) => (loadCpu / acknowledged) * 1e6),
    },
    {
      name: 'Acknowledgement p99, flat out',
      unit: 'ms',
      rounds: pick(results, ({ acknowledgements }) => percentile(acknowledgements, 99)),
    },
  ]
}

/** A steady rate, with the wake-up: how long until the sender knows, and until the receiver reads. */
export async function steady(peers: Peers): Promise<Figure[]> {
  const [ours] = Object.values(peers)
  const results = await drive(peers, ROUNDS, (chatter, peer) =>
    chatter.sendSteadily(STEADY, peer === ours ? OURS_SECONDS : THEIRS_SECONDS),
  )
  return [
    {
      name: `Acknowledgement p50, ${STEADY}/s`,
      unit: 'ms',
      rounds: pick(results, ({ acknowledgements }) => median(acknowledgements)),
    },
    {
      name: `Acknowledgement p99, ${STEADY}/s`,
      unit: 'ms',
      rounds: pick(results, ({ acknowledgements }) => percentile(acknowledgements, 99)),
      targets: [{ bound: 'at most', value: 10 }],
    },
    {
      name: `Slowest acknowledgement in ${ROUNDS * OURS_SECONDS} s, ${STEADY}/s`,
      unit: 'ms',
      rounds: { chat: pick(results, slowestAcknowledgement).chat ?? [] },
      targets: [{ bound: 'at most', value: 50 }],
      summary: 'worst',
    },
    {
      name: `End to end p50, ${STEADY}/s`,
      unit: 'ms',
      rounds: pick(results, ({ deliveries }) => median(deliveries)),
      targets: [
        { bound: 'at most', value: 2 },
        { bound: 'at most', value: 0.25, of: 'php' },
      ],
    },
    {
      name: `End to end p99, ${STEADY}/s`,
      unit: 'ms',
      rounds: pick(results, ({ deliveries }) => percentile(deliveries, 99)),
    },
  ]
}

/**
 * What the daemon does for each event, with nobody connected. Flat out some fifty events share a poll;
 * at the steady rate nearly each has its own, and what is measured is that poll: waking up, with caches
 * that others have used since, and reading the few pages that the commit has changed.
 */
export async function unheard(peers: Record<string, ChatPeer>): Promise<Figure[]> {
  const flatly = await daemonTimes(peers, (chatter) => chatter.sendFlatOut(FLAT_OUT_SECONDS))
  const steadily = await daemonTimes(peers, (chatter) =>
    chatter.sendSteadily(STEADY, THEIRS_SECONDS),
  )
  const name = 'Processor time of the daemon per event, nobody connected'
  return [
    {
      name: `${name}, flat out`,
      unit: 'µs',
      rounds: flatly,
      targets: [{ bound: 'at most', value: 12 }],
    },
    { name: `${name}, ${STEADY}/s`, unit: 'µs', rounds: steadily },
  ]
}

/** Of each round, the daemon's processor time for an event, in µs. */
function daemonTimes(
  peers: Record<string, ChatPeer>,
  send: (chatter: Chatter) => Promise<Traffic>,
): Promise<Record<string, number[]>> {
  const measure = async (chatter: Chatter, { daemonPids }: ChatPeer) => {
    const before = cpuSeconds(daemonPids)
    const { acknowledged } = await send(chatter)
    return ((cpuSeconds(daemonPids) - before) / acknowledged) * 1e6
  }
  const value = (microseconds: number) => microseconds
  return drive(peers, ROUNDS, measure, { value, isHeard: false })
}

/** The same at a rate at which each message is on its own. */
export async function calm(peers: Peers): Promise<Figure[]> {
  const results = await drive(peers, ROUNDS, (chatter) =>
    chatter.sendSteadily(CALM, THEIRS_SECONDS),
  )
  return endToEnd(`${CALM}/s`, results)
}

/**
 * Without the wake-up: how long a poll of 10 ms makes a message wait. That is 5 ms on average; with
 * a commit before it and a frame after it 5.8 to 7.2 ms from one run to the next, on either side of
 * the target. At 1,000/s timers are late besides: the wake-up is on by default for that reason.
 */
export async function tickAlone(peers: Peers): Promise<Figure[]> {
  const calmly = await drive(peers, ROUNDS, (chatter) => chatter.sendSteadily(CALM, THEIRS_SECONDS))
  const steadily = await drive(peers, ROUNDS, (chatter) =>
    chatter.sendSteadily(STEADY, THEIRS_SECONDS),
  )
  return [
    ...endToEnd(`tick alone, ${CALM}/s`, calmly, [6.5, 13]),
    ...endToEnd(`tick alone, ${STEADY}/s`, steadily, [6.5, 13]),
  ]
}

function endToEnd(
  what: string,
  results: Record<string, Traffic[]>,
  limits: [] | [p50: number, p99: number] = [],
): Figure[] {
  return ([50, 99] as const).map((percent, index) => ({
    name: `End to end p${percent}, ${what}`,
    unit: 'ms',
    rounds: pick(results, ({ deliveries }) => percentile(deliveries, percent)),
    targets: limits.slice(index, index + 1).map((value) => ({ bound: 'at most', value })),
  }))
}

function slowestAcknowledgement({ acknowledgements }: Traffic): number {
  return Math.max(...acknowledgements)
}

/**
 * Opens the same people at each peer, and lets them send in turn, after a warm-up that is not counted.
 *
 * @param options value as in `alternate`, isHeard as in `Chatter.open`
 */
export async function drive<Driven extends Peer, Result = Traffic>(
  peers: Record<string, Driven>,
  rounds: number,
  send: (chatter: Chatter, peer: Driven) => Promise<Result>,
  options: { value?: (result: Result) => number; isHeard?: boolean } = {},
): Promise<Record<string, Result[]>> {
  const chatters: [string, Chatter, Driven][] = []
  for (const [name, peer] of Object.entries(peers)) {
    const chatter = await Chatter.open(peer, options.isHeard)
    await chatter.sendFlatOut(WARM_UP_SECONDS)
    chatters.push([name, chatter, peer])
  }
  const results = await alternate(
    rounds,
    Object.fromEntries(chatters.map(([name, chatter, peer]) => [name, () => send(chatter, peer)])),
    options.value,
  )
  await Promise.all(chatters.map(([, chatter]) => chatter.close()))
  return results
}
