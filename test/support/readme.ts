import { readFileSync } from 'node:fs'

export const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The cells of each row of the README's table that has this heading. */
export function rows(heading: string): string[][] {
  const start = README.indexOf(`\n${heading}\n`) + 1
  const [, , ...lines] = README.slice(start, README.indexOf('\n\n', start)).split('\n')
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
