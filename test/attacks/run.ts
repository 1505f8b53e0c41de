import { parseArgs } from 'node:util'
import { MODE_NAMES, type ModeName } from './mode.ts'
import { besiege, type Held, type Outcome, PROGRAMS, type Stall } from './siege.ts'
import { brokenPromises } from './verdict.ts'

// `npm run test:attacks -- [--minutes N] [--mode none|jwt|jwks|callback|tls] [--kind K …] [--seed N]`:
// attacked from all sides, in every mode; and whether anybody else has noticed.

const MINUTES = '10'
const TITLE = `| mode | attacks | answer: longest wait in ms | frame: longest wait in ms | chat-api: MB (start, peak, end) | descriptors | chat-websocket: MB | descriptors | 5xx | crashes |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |`
/** Of the log: what it says of errors is for whoever wants to know why. */
const ERROR_LINES_MAX = 10

/** Resolves with whether every promise was kept. */
async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: MINUTES },
      mode: { type: 'string', multiple: true, default: MODE_NAMES },
      kind: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
    },
  })
  const modes = values.mode.map(knownMode)
  const milliseconds = (Number(values.minutes) * 60_000) / modes.length
  if (!(milliseconds > 0)) throw new Error('--minutes takes a positive number')
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  console.log(`Seed ${seed}: repeat with --seed ${seed}\n\n${TITLE}`)
  const outcomes: Outcome[] = []
  for (const mode of modes) {
    const outcome = await besiege(mode, { seed, milliseconds, kinds: values.kind })
    console.log(line(outcome))
    outcomes.push(outcome)
  }
  reportAttacks(outcomes)
  reportErrors(outcomes)
  const problems = outcomes.flatMap((outcome) => brokenPromises(outcome))
  for (const problem of problems) console.log(`- ${problem}`)
  console.log(problems.length === 0 ? '\nEvery promise was kept' : '\nPROMISES WERE BROKEN')
  return problems.length === 0
}

function knownMode(name: string): ModeName {
  const mode = MODE_NAMES.find((known) => known === name)
  if (mode === undefined) throw new Error(`No such mode: ${name}. There are: ${MODE_NAMES}`)
  return mode
}

function line(outcome: Outcome): string {
  const { mode, attacks, httpStall, socketStall, held, brokenCount, crashes } = outcome
  const cells = [
    mode,
    Object.values(attacks).reduce((sum, count) => sum + count, 0),
    shown(httpStall),
    shown(socketStall),
    ...PROGRAMS.flatMap((program) => [memory(held[program]), descriptors(held[program])]),
    brokenCount,
    crashes.length,
  ]
  return row(cells)
}

/** What the machine itself adds to it stands in brackets. */
function shown({ longestMs, longestWithNoiseMs }: Stall): string {
  return `${Math.round(longestMs)} (${Math.round(longestWithNoiseMs)})`
}

function memory({ start, peak, end }: Held): string {
  return [start, peak, end].map(({ memoryMb }) => Math.round(memoryMb)).join(', ')
}

function descriptors({ start, peak, end }: Held): string {
  return [start, peak, end].map((holding) => holding.descriptors).join(', ')
}

function reportAttacks(outcomes: Outcome[]): void {
  const kinds = [...new Set(outcomes.flatMap(({ attacks }) => Object.keys(attacks)))].sort()
  console.log(`\n${row(['attacks', ...outcomes.map(({ mode }) => mode)])}`)
  console.log(row(['---', ...outcomes.map(() => '---:')]))
  for (const kind of kinds) {
    console.log(row([kind, ...outcomes.map(({ attacks }) => attacks[kind] ?? 0)]))
  }
  console.log('')
  for (const { mode, answers } of outcomes) {
    const counts = Object.entries(answers).sort()
    console.log(`${mode}: ${counts.map(([key, count]) => `${key} × ${count}`).join(', ')}`)
  }
  console.log('')
}

function reportErrors(outcomes: Outcome[]): void {
  for (const { mode, errorLines } of outcomes) {
    if (errorLines.length === 0) continue
    console.log(`${mode}: the log tells of ${errorLines.length} errors`)
    for (const text of errorLines.slice(0, ERROR_LINES_MAX)) console.log(`    ${text}`)
  }
}

function row(cells: (string | number)[]): string {
  return `| ${cells.join(' | ')} |`
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
process.exitCode = (await main()) ? 0 : 1
