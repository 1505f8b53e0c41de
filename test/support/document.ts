import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

/** The contract, as the clients' programmers were given it. */
const DOCUMENT = readFileSync(new URL('../document.md', import.meta.url), 'utf8')

/** '' is a block that names no language. */
type Language = 'js' | 'json' | ''

/** The code blocks of one language below a heading, up to the next heading. */
export function codeBelow(heading: string, language: Language): string[] {
  const blocks = [...sectionBelow(heading).matchAll(/^```(\w*)\n(.*?)^```$/gms)]
  return blocks.filter((block) => block[1] === language).map((block) => block[2] as string)
}

/** The one code block of a language below a heading. */
export function onlyCodeBelow(heading: string, language: Language): string {
  const [code, ...others] = codeBelow(heading, language)
  if (code === undefined || others.length > 0) throw new Error(`not one block below ${heading}`)
  return code
}

/** The items of the list below a heading. */
export function listBelow(heading: string): string[] {
  return [...sectionBelow(heading).matchAll(/^- (.*)$/gm)].map((item) => item[1] as string)
}

/** A JSON example; `{ ... }` in it stands for any object. */
export function parseExample(json: string): object {
  return JSON.parse(json.replaceAll('{ ... }', '{}').replaceAll(/^\s*\/\/.*$/gm, ''))
}

/** Matches what has every key of an example, each with a value of the example's type and format. */
// biome-ignore lint/suspicious/noExplicitAny: asymmetric matchers have no better type
export function shapeOf(example: unknown): any {
  if (typeof example === 'number') return expect.toSatisfy(Number.isInteger, 'an integer')
  if (typeof example === 'boolean') return expect.any(Boolean)
  if (typeof example === 'string') return shapeOfText(example)
  const parts = Object.entries(example as object).map(([key, value]) => [key, shapeOf(value)])
  return expect.objectContaining(Object.fromEntries(parts))
}

function shapeOfText(example: string): unknown {
  const isTime = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/
  if (isTime.test(example)) return expect.stringMatching(isTime)
  if (/^https?:/.test(example)) return expect.stringMatching(/^https?:\/\/\S+$/)
  return expect.any(String)
}

function sectionBelow(heading: string): string {
  const lines = DOCUMENT.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(heading))
  if (start === -1) throw new Error(`the document has no heading "${heading}"`)
  const section = lines.slice(start + 1)
  const fences = section.map((line) => line.startsWith('```'))
  const end = section.findIndex((line, index) => {
    const isInCode = fences.slice(0, index).filter(Boolean).length % 2 === 1
    return /^#+ /.test(line) && !isInCode
  })
  return section.slice(0, end === -1 ? undefined : end).join('\n')
}
