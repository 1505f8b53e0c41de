import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { settings } from '../src/config/config.ts'
import type { Setting } from '../src/config/setting.ts'
import type { Limit } from '../src/limits/limit.ts'
import { limits } from '../src/limits/limits.ts'
import { CLOSE } from '../src/websocket/close-codes.ts'
import { README, rows } from './support/readme.ts'

test('the README lists every setting, with its default and meaning', () => {
  const documented = rows('| variable | default | meaning |').map(
    ([variable, fallback, meaning]) => ({ variable, fallback, meaning }),
  )
  const real = Object.values<Setting<unknown>>(settings).map(({ variable, fallback, meaning }) => ({
    variable,
    fallback,
    meaning,
  }))
  expect(documented).toEqual(real)
})

test('the README lists every close code of the server', () => {
  const documented = rows('| code | why | reconnect? |').flatMap(([codes = '']) =>
    codes.split(', ').map(Number),
  )
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

test('the README lists every limit as the table in the code has it, by what is beyond', () => {
  const real = new Map<string, string[]>()
  for (const limit of Object.values<Limit>(limits)) {
    const text = `${limit.what}: ${howMuch(limit)} per ${limit.per}`
    real.set(limit.beyond, [...(real.get(limit.beyond) ?? []), text])
  }
  const documented = rows('| beyond it | limits |').map(([beyond, texts]) => [
    beyond,
    texts?.split('; '),
  ])
  expect(documented).toEqual([...real])
})

test('a limit that a setting gives names a setting that there is', () => {
  const variables = Object.values<Setting<unknown>>(settings).map(({ variable }) => variable)
  for (const { max } of Object.values<Limit>(limits)) {
    if (typeof max === 'string') expect(variables).toContain(/CHAT_\w+/.exec(max)?.[0])
  }
})

test('the links of the README lead to a heading or a file', () => {
  const anchors = [...README.matchAll(/^#+ (.+)$/gm)].map(
    ([, heading]) => `#${heading?.toLowerCase().replaceAll(' ', '-')}`,
  )
  const links = [...README.matchAll(/\]\(([^)]+)\)|src="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2],
  )
  const broken = links.filter(
    (link = '') => !anchors.includes(link) && !existsSync(new URL(`../${link}`, import.meta.url)),
  )
  expect(broken).toEqual([])
})

test('the way of a message, in the README, leads through files that there are', () => {
  const [, way = ''] = README.split('The way of one text')
  const files = [...way.matchAll(/`([\w/-]+\.ts)`/g)].map(([, file]) => file)
  expect(files.length).toBeGreaterThan(0)
  const missing = files.filter((file) => !existsSync(new URL(`../src/${file}`, import.meta.url)))
  expect(missing).toEqual([])
})
