import type { Figure } from '../figure.ts'
import type { Traffic } from '../load/chatter.ts'
import { pick } from '../rounds.ts'
import { percentile } from '../statistics.ts'
import { drive, type Peers } from './traffic.ts'

const FLAT_OUT_SECONDS = 3
const FLAT_OUT_ROUNDS = 5
const PER_SECOND = 500
const STEADY_SECONDS = 5
const STEADY_ROUNDS = 3

type Results = Record<string, Traffic[]>

/**
 * The chat on MariaDB, and PHP's on the same. At a steady rate the tick decides when a message
 * arrives: nothing rings on a server.
 */
export async function onMariadb(peers: Peers): Promise<Figure[]> {
  const flatOut = await drive(peers, FLAT_OUT_ROUNDS, (chatter) =>
    chatter.sendFlatOut(FLAT_OUT_SECONDS),
  )
  const steady = await drive(peers, STEADY_ROUNDS, (chatter) =>
    chatter.sendSteadily(PER_SECOND, STEADY_SECONDS),
  )
  const rate = `${PER_SECOND}/s`
  return [
    {
      name: 'On MariaDB: durable sends, 64 senders flat out',
      unit: '/s',
      rounds: pick(flatOut, ({ acknowledged, seconds }) => acknowledged / seconds),
      targets: [{ bound: 'at least', value: 2, of: 'php' }],
    },
    cpuPerSend('flat out', flatOut),
    acknowledgement(50, 'flat out', flatOut),
    acknowledgement(99, 'flat out', flatOut),
    { ...endToEnd(50, rate, steady), targets: [{ bound: 'at most', value: 10 }] },
    endToEnd(99, rate, steady),
    acknowledgement(50, rate, steady),
    cpuPerSend(rate, steady),
  ]
}

function cpuPerSend(when: string, results: Results): Figure {
  return {
    name: `On MariaDB: processor time per send with the database's, ${when}`,
    unit: 'µs',
    rounds: pick(results, ({ server, acknowledged }) => (server.cpu / acknowledged) * 1e6),
  }
}

function acknowledgement(percent: number, when: string, results: Results): Figure {
  return {
    name: `On MariaDB: acknowledgement p${percent}, ${when}`,
    unit: 'ms',
    rounds: pick(results, ({ acknowledgements }) => percentile(acknowledgements, percent)),
  }
}

function endToEnd(percent: number, when: string, results: Results): Figure {
  return {
    name: `On MariaDB: end to end p${percent}, ${when}`,
    unit: 'ms',
    rounds: pick(results, ({ deliveries }) => percentile(deliveries, percent)),
  }
}
