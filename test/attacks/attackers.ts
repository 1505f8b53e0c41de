import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../faults/random.ts'
import type { Attack } from './attack.ts'
import { loadAttacks } from './load-attacks.ts'
import { type Scene, Target } from './target.ts'

// The attackers, in a process of their own, so that nobody who watches is held up by them. It is told
// an order, attacks, and says what came of it.

/** Attackers are elsewhere, and do not take the processor from the service. */
const NICENESS = 10
const ATTACKS_AT_ONCE = 16
/** Then all that it has opened is hung up. */
const ATTACK_MS_MAX = 15_000
/** When nobody answers. */
const RETRY_MS = 100
const BROKEN_MAX = 20
const UNAVAILABLE = 503

export interface Order {
  scene: Scene
  seed: number
  milliseconds: number
  /** The names of the kinds to be used; all, if there are none. */
  kinds: string[]
}

export interface Report {
  /** Attacks carried out, by kind. */
  attacks: Record<string, number>
  /** Answers, by door and status: 'api 200'. */
  answers: Record<string, number>
  /** Answers that nobody is ever to get, with the kind of attack. */
  brokenAnswers: string[]
  brokenCount: number
}

async function attackAll({ scene, seed, milliseconds, kinds }: Order): Promise<Report> {
  const report: Report = { attacks: {}, answers: {}, brokenAnswers: [], brokenCount: 0 }
  const known = await loadAttacks()
  const attacks = known.filter(({ name }) => kinds.length === 0 || kinds.includes(name))
  const deadline = performance.now() + milliseconds
  const random = new Random(seed)
  const attackOnAndOn = async (own: Random) => {
    for (const attack of shuffled(attacks, own.fork())) {
      if (performance.now() > deadline) return
      const isDone = await attackOnce(attack, scene, own.fork(), { report, deadline })
      if (!isDone) await delay(RETRY_MS)
    }
  }
  const slots = Array.from({ length: ATTACKS_AT_ONCE }, () => attackOnAndOn(random.fork()))
  await Promise.all(slots)
  return report
}

/** All kinds in one order after the other, without end: a short run has nearly all of them. */
function* shuffled(attacks: Attack[], random: Random): Generator<Attack> {
  for (;;) {
    const left = [...attacks]
    while (left.length > 0) yield* left.splice(random.integer(0, left.length - 1), 1)
  }
}

/** Resolves with whether it could be carried out. */
async function attackOnce(
  attack: Attack,
  scene: Scene,
  random: Random,
  { report, deadline }: { report: Report; deadline: number },
): Promise<boolean> {
  const target = new Target(scene, random.fork(), (door, status, head) => {
    count(report.answers, `${door} ${status}`)
    if (!isBroken(status, head)) return
    report.brokenCount += 1
    const [line] = head.split('\r\n')
    if (report.brokenAnswers.length < BROKEN_MAX) {
      report.brokenAnswers.push(`${attack.name} was answered ${line} by the ${door}`)
    }
  })
  const isOver = new AbortController()
  const patienceMs = Math.min(ATTACK_MS_MAX, Math.max(0, deadline - performance.now()))
  try {
    await Promise.race([
      attack.run(target, random),
      delay(patienceMs, undefined, { signal: isOver.signal }).catch(() => {}),
    ])
    count(report.attacks, attack.name)
    return true
  } catch {
    return false
  } finally {
    isOver.abort()
    target.close()
  }
}

/** Whatever is asked for, the service may only say that it cannot right now, and when to come back. */
function isBroken(status: number, head: string): boolean {
  if (status < 500) return false
  return status !== UNAVAILABLE || !/^retry-after: *\d+\r$/im.test(head)
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1
}

process.once('message', async (order: Order) => {
  setPriority(NICENESS)
  const report = await attackAll(order)
  process.send?.(report, () => process.exit(0))
})
// Whoever gave the order has died.
process.once('disconnect', () => process.exit(1))
