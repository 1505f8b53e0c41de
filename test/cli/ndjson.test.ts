import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countLines, readLines } from '../../src/cli/ndjson.ts'
import { temporaryFolder } from '../support/folders.ts'

const LINE_BYTES_MAX = 2 * 1024 * 1024

/** What is read from a text that comes in pieces of so many bytes. */
async function read(text: string, pieceBytes: number) {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  )
  async function* stream() {
    yield* pieces
  }
  const found = []
  for await (const line of readLines(stream())) {
    found.push(line instanceof Error ? line.message : line)
  }
  return found
}

test.for([1, 3, 7, 1_000])('lines are found in pieces of %i bytes', async (pieceBytes) => {
  const text = '\ufeff{"a":"é😀"}\r\n\n{"a":2}\n[3]\n{"a":4}'
  expect(await read(text, pieceBytes)).toEqual([
    { a: 'é😀' },
    { a: 2 },
    'the line is no JSON object',
    { a: 4 },
  ])
})

test('a line may have 2 MB, and a longer one is not kept', async () => {
  const longest = JSON.stringify({ a: 'x'.repeat(LINE_BYTES_MAX - '{"a":""}'.length) })
  const tooLong = `the line is longer than ${LINE_BYTES_MAX} bytes`
  const found = await read(`${longest}\n${longest} \n{"a":1}\n`, 65_536)
  expect(found.map((line) => (typeof line === 'string' ? line : Object.keys(line)))).toEqual([
    ['a'],
    tooLong,
    ['a'],
  ])
})

test.for([
  ['', 0],
  ['{}', 1],
  ['{}\n', 1],
  ['{}\n{}\n{}', 3],
] as const)('%j has its number of lines', async ([text, count]) => {
  const path = join(temporaryFolder(), 'rows.ndjson')
  writeFileSync(path, text)
  expect(await countLines(path)).toBe(count)
})
