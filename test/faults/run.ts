import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { FAULTS, loadFaults, type Row, runFault, whyLeftOut } from './runner.ts'

// `npm run test:faults -- [fault …] [--seed N]`: everything that may break, broken.
// `npm run test:cluster -- [fault …] [--seed N]`: the same to a cluster, from --folder.

const COUNTS = ['tried', 'acknowledged', 'lost', 'repeated', 'out of order']
const COLUMNS = [...COUNTS, 'recovered in ms', '503 in %', 'silence in ms']
const TITLE = `| fault | ${COLUMNS.join(' | ')} |\n| --- |${' ---: |'.repeat(COLUMNS.length)}`

/** Resolves with whether everything held. */
async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    options: { seed: { type: 'string' }, folder: { type: 'string' } },
    allowPositionals: true,
  })
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  const problems: string[] = []
  console.log(TITLE)
  for (const fault of await loadFaults(positionals, folderOf(values.folder))) {
    const reason = whyLeftOut(fault)
    if (reason !== undefined) {
      console.log(`| ${fault.name} | left out: ${reason} |`)
      continue
    }
    try {
      const row = await runFault(fault, { seed, effort: 1 })
      console.log(line(row))
      problems.push(...row.problems.map((problem) => `${fault.name}: ${problem}`))
    } catch (error) {
      console.log(`| ${fault.name} | failed |`)
      problems.push(`${fault.name}: ${error instanceof Error ? error.stack : error}`)
    }
  }
  console.log(`\nSeed ${seed}: repeat with --seed ${seed}`)
  for (const problem of problems) console.log(`- ${problem}`)
  return problems.length === 0
}

function folderOf(path: string | undefined): URL {
  return path === undefined ? FAULTS : pathToFileURL(`${resolve(path)}/`)
}

function line(row: Row): string {
  const { fault, tried, acknowledged, lost, repeated, outOfOrder } = row
  const { recoveredMs, unavailablePercent, silenceMs } = row
  const counts = [tried, acknowledged, lost, repeated, outOfOrder]
  return `| ${[fault, ...counts, recoveredMs, unavailablePercent, silenceMs].join(' | ')} |`
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
process.exitCode = (await main()) ? 0 : 1
