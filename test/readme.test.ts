import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Setting, settings } from '../src/config.ts'
import { type Limit, limits } from '../src/limits.ts'
import { CLOSE } from '../src/websocket/close-codes.ts'

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The cells of every table row of the README whose first cell looks like this. */
function rows(firstCell: RegExp): string[][] {
  return README.split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([first]) => firstCell.test(first ?? ''))
}

test('the README lists every setting, with its default and meaning', () => {
  const documented = rows(/^CHAT_/).map(([variable, fallback, meaning]) => ({
    variable,
    fallback,
    meaning,
  }))
  const real = Object.values<Setting<unknown>>(settings).map(({ variable, fallback, meaning }) => ({
    variable,
    fallback,
    meaning,
  }))
  expect(documented).toEqual(real)
})

test('the README lists every close code of the server', () => {
  const documented = rows(/^\d{4}$/).map(([code]) => Number(code))
  for (const { code } of Object.values(CLOSE)) expect(documented).toContain(code)
})

const KB = 1024
const MB = 1024 * KB
const SPANS: Record<number, string> = { 1: ' a second', 60: ' a minute', 86400: ' a day' }

/** As the README writes it: '50 a second', '4 KB', 'CHAT_RATE_LIMIT a minute'. */
function howMuch({ what, max, seconds }: Limit): string {
  const span = seconds === undefined ? '' : (SPANS[seconds] as string)
  if (typeof max === 'string') return max + span
  const isBytes = /^bytes/.test(what)
  if (isBytes && max % MB === 0) return `${max / MB} MB${span}`
  if (isBytes && max % KB === 0) return `${max / KB} KB${span}`
  return max.toLocaleString('en-US') + span
}

test('the README lists every limit as the table in the code has it', () => {
  const start = README.indexOf('| what | how much | per | beyond it | why |')
  const table = README.slice(start, README.indexOf('\n\n', start)).split('\n').slice(2)
  const real = Object.values<Limit>(limits).map(
    (limit) =>
      `| ${limit.what} | ${howMuch(limit)} | ${limit.per} | ${limit.beyond} | ${limit.reason} |`,
  )
  expect(table).toEqual(real)
})

test('a limit that a setting gives names a setting that there is', () => {
  const variables = Object.values<Setting<unknown>>(settings).map(({ variable }) => variable)
  for (const { max } of Object.values<Limit>(limits)) {
    if (typeof max === 'string') expect(variables).toContain(/CHAT_\w+/.exec(max)?.[0])
  }
})
