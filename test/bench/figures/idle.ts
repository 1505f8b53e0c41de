import { setTimeout as delay } from 'node:timers/promises'
import { RunningProcess } from '../../support/running-program.ts'
import type { Figure } from '../figure.ts'
import { SocketClient } from '../load/socket-client.ts'
import type { Peer } from '../peers/peer.ts'
import { cpuSeconds } from '../process-usage.ts'
import { alternate } from '../rounds.ts'
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
export const BARE_TIMER_NAME = 'a bare timer'

/**
 * What it costs to wait: polling a table every 10 ms, with nothing in it and nobody talking. A tick
 * runs no query then, but asks SQLite's change counter, measures itself and schedules the next: that
 * is more than a timer that does nothing.
 */
export async function idle(peers: Peers): Promise<Figure[]> {
  const sockets = await Promise.all(Object.values(peers).map(connect))
  const timer = startBareTimer()
  const pidsOf = Object.entries(peers).map(([name, { pids }]): [string, number[]] => [name, pids])
  const watched = [...pidsOf, [BARE_TIMER_NAME, [timer.pid]] as [string, number[]]]
  await delay(SETTLE_MS)
  // All at the same time: who only waits does not get into another's way.
  const roundsOfEach = await Promise.all(
    watched.map(([name, pids]) => alternate(ROUNDS, { [name]: () => percentOfCore(pids) })),
  ).finally(() => timer.kill())
  await Promise.all(sockets.flat().map((socket) => socket.close()))
  return [
    {
      name: `Idle with ${SOCKETS} sockets`,
      unit: '% of a core',
      rounds: Object.assign({}, ...roundsOfEach),
      targets: [{ bound: 'at most', value: 1.3, of: BARE_TIMER_NAME }],
    },
  ]
}

export function startBareTimer(): RunningProcess {
  return new RunningProcess(process.execPath, ['-e', BARE_TIMER], {})
}

async function connect(peer: Peer): Promise<SocketClient[]> {
  const sockets: SocketClient[] = []
  for (let userId = 1; userId <= SOCKETS; userId += 1) {
    sockets.push(await SocketClient.open(peer, userId))
  }
  return sockets
}

async function percentOfCore(pids: number[]): Promise<number> {
  const before = cpuSeconds(pids)
  await delay(WATCHED_MS)
  return ((cpuSeconds(pids) - before) / (WATCHED_MS / 1000)) * 100
}
