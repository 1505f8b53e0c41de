import { setTimeout as delay } from 'node:timers/promises'
import { RunningProcess } from '../../support/running-process.ts'
import type { Figure } from '../figure.ts'
import { SocketClient } from '../load/socket-client.ts'
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds } from '../process-usage.ts'
import type { Peers } from './traffic.ts'

/** PHP's select() takes no more than 1,024 descriptors; all peers get as many as it can have. */
const SOCKETS = 1_000
/** As long as it is from one ping of ours to the next: so each round has its share of them. */
const WATCHED_MS = 25_000
const ROUNDS = 3
/** By then what the arrival of the sockets has left behind is tidied up. */
const SETTLE_MS = 10_000
/** A program that does nothing at all, as often as ours polls: what a timer costs on this machine. */
const BARE_TIMER = 'setInterval(() => {}, 10)'
const BARE_TIMER_NAME = 'a bare timer'

/** What it costs to wait: polling a table every 10 ms, with nothing in it and nobody talking. */
export async function idle(peers: Peers): Promise<Figure[]> {
  const sockets = await Promise.all(Object.values(peers).map(connect))
  const timer = new RunningProcess(process.execPath, ['-e', BARE_TIMER], {})
  const pidsOf = Object.entries(peers).map(([name, { pids }]): [string, number[]] => [name, pids])
  const watched = Object.fromEntries([...pidsOf, [BARE_TIMER_NAME, [timer.pid]]])
  const rounds = Object.fromEntries(Object.keys(watched).map((name) => [name, [] as number[]]))
  try {
    await delay(SETTLE_MS)
    for (let round = 0; round < ROUNDS; round += 1) {
      const percents = await percentsOfCore(watched)
      for (const [name, percent] of Object.entries(percents)) rounds[name]?.push(percent)
    }
  } finally {
    await timer.kill()
  }
  await Promise.all(sockets.flat().map((socket) => socket.close()))
  return [
    {
      name: `Idle with ${SOCKETS} sockets`,
      unit: '% of a core',
      rounds,
      targets: [{ bound: 'at most', value: 1 }],
    },
  ]
}

async function connect(peer: Peer): Promise<SocketClient[]> {
  const sockets: SocketClient[] = []
  for (let userId = 1; userId <= SOCKETS; userId += 1) {
    sockets.push(await SocketClient.open(peer, userId))
  }
  return sockets
}

/** All at the same time: who only waits does not get into another's way. */
async function percentsOfCore(watched: Record<string, number[]>): Promise<Record<string, number>> {
  const secondsOf = () => Object.values(watched).map(cpuSeconds)
  const before = secondsOf()
  await delay(WATCHED_MS)
  const used = secondsOf().map((after, index) => after - (before[index] as number))
  const percents = used.map((seconds) => (seconds / (WATCHED_MS / 1000)) * 100)
  return Object.fromEntries(Object.keys(watched).map((name, index) => [name, percents[index] ?? 0]))
}
