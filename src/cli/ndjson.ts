import { createReadStream } from 'node:fs'
import { parseObject } from '../chat/json.ts'
import type { SourceRow } from '../chat/source-rows.ts'
import { ChatError } from '../errors.ts'

/** A message of 100,000 characters, each escaped, and all that belongs to it. */
const LINE_BYTES_MAX = 2 * 1024 * 1024
const NEWLINE = 0x0a

/** A row, or why the line of one cannot be read. */
export type SourceLine = SourceRow | ChatError

/** The number of lines in a file. */
export async function countLines(path: string): Promise<number> {
  let count = 0
  let isEnded = true
  for await (const chunk of createReadStream(path)) {
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count += 1
    isEnded = chunk.at(-1) === NEWLINE
  }
  return isEnded ? count : count + 1
}

/** Reads lines of JSON, an object each; empty lines are passed over. */
export async function* readLines(stream: AsyncIterable<Buffer>): AsyncGenerator<SourceLine> {
  // A BOM is no part of the first line.
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  for await (const line of linesOf(stream)) {
    if (line === undefined) yield broken(`the line is longer than ${LINE_BYTES_MAX} bytes`)
    else if (line.length > 0) yield parse(line, utf8)
  }
}

function parse(line: Buffer, utf8: InstanceType<typeof TextDecoder>): SourceLine {
  try {
    return parseObject(utf8.decode(line)) ?? broken('the line is no JSON object')
  } catch {
    return broken('the line is no valid UTF-8')
  }
}

function broken(reason: string): ChatError {
  return new ChatError('invalid', reason)
}

/** The lines without their ends; undefined for one that is too long, which is not kept. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined> {
  let parts: Buffer[] = []
  let length = 0
  const take = (part: Buffer) => {
    length += part.length
    if (length <= LINE_BYTES_MAX) parts.push(part)
  }
  const end = () => {
    const line = length > LINE_BYTES_MAX ? undefined : withoutReturn(Buffer.concat(parts))
    parts = []
    length = 0
    return line
  }
  for await (const chunk of stream) {
    let start = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
      take(chunk.subarray(start, at))
      yield end()
      start = at + 1
    }
    take(chunk.subarray(start))
  }
  if (length > 0) yield end()
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line
}
