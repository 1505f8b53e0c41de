import {
  contendersOf,
  type Figure,
  isMet,
  noisyContenders,
  ratioTo,
  summaryOf,
  type Target,
} from './figure.ts'
import type { Ratio } from './statistics.ts'

const HEADINGS = ['figure', 'median (min – max)', 'against', 'target', '']

/** The figures as a table in Markdown, aligned so that it can be read as it is, too. */
export function markdownTable(figures: Figure[]): string {
  const rows = [HEADINGS, ...figures.map(cellsOf)]
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = widths.map((width) => '-'.repeat(width))
  return [line(HEADINGS), line(rule), ...figures.map((figure) => line(cellsOf(figure)))].join('\n')
}

function cellsOf(figure: Figure): string[] {
  const [subject = '', ...others] = contendersOf(figure)
  const values = figure.rounds[subject] ?? []
  const range = `(${written(Math.min(...values))} – ${written(Math.max(...values))})`
  const targets = figure.targets ?? []
  return [
    figure.name,
    `${written(summaryOf(figure))} ${figure.unit} ${range}`,
    others.map((other) => ratioText(ratioTo(figure, other), other)).join(', '),
    targets.map(targetText).join(', '),
    verdict(figure, targets),
  ]
}

function ratioText({ median, low, high }: Ratio, other: string): string {
  const interval = low === high ? '' : ` (${written(low)} – ${written(high)})`
  return `${written(median)}${interval} × ${other}`
}

function targetText({ bound, value, of }: Target): string {
  const sign = bound === 'at least' ? '≥' : '≤'
  return of === undefined ? `${sign} ${value}` : `${sign} ${value} × ${of}`
}

function verdict(figure: Figure, targets: Target[]): string {
  const noisy = noisyContenders(figure)
  const warning = noisy.length === 0 ? '' : `too noisy: ${noisy.join(', ')}`
  // A peer that is not installed here is no peer to be measured against.
  const judged = targets.filter(({ of }) => of === undefined || of in figure.rounds)
  if (judged.length === 0) return warning
  const met = judged.every((target) => isMet(figure, target)) ? 'met' : 'missed'
  return [met, warning].filter(Boolean).join('; ')
}

/** Three digits that count. */
function written(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
