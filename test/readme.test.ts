import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Setting, settings } from '../src/config.ts'
import { CLOSE } from '../src/websocket/connection.ts'

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
