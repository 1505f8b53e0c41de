import { closeSync, openSync, writeSync } from 'node:fs'
import { ChatError, systemCode } from '../errors.ts'
import { KINDS, type Kind } from './import-sources.ts'
import { grouped } from './progress.ts'
import { printable } from './terminal.ts'

/** A hundred thousand lines would bury what matters. */
const SHOWN_MAX = 20

export type Count = 'rows' | 'new' | 'known' | 'read' | 'refused' | 'garbled'
/** As they are printed, in this order. */
const LABELS: Record<Count, string> = {
  rows: 'rows',
  new: 'new',
  known: 'there already',
  read: 'read since',
  refused: 'refused',
  garbled: 'garbled: for UTF-8 in a latin1 column, SELECT CAST(message AS BINARY) AS message',
}

/** Counts what becomes of each row, and names those that are refused: on stderr, or in a file. */
export class Report {
  readonly #path: string | undefined
  readonly #file: number | undefined
  readonly #counts = new Map<string, number>()
  readonly #reasons = new Map<string, number>()
  #refusedCount = 0

  /** @throws ChatError `setup` for a file that cannot be written */
  constructor(path: string | undefined) {
    this.#path = path
    this.#file = path === undefined ? undefined : openReport(path)
  }

  get refusedCount(): number {
    return this.#refusedCount
  }

  count(kind: Kind, what: Count, count = 1): void {
    this.#counts.set(`${kind} ${what}`, this.countOf(kind, what) + count)
  }

  countOf(kind: Kind, what: Count): number {
    return this.#counts.get(`${kind} ${what}`) ?? 0
  }

  /**
   * @param row as the operator finds it: 'message_id 17'
   * @param reason one of few; what follows a colon is about this row alone
   */
  refuse(kind: Kind, row: string, reason: string): void {
    this.count(kind, 'refused')
    this.#refusedCount += 1
    const common = `${kind}: ${reason.split(':')[0]}`
    this.#reasons.set(common, (this.#reasons.get(common) ?? 0) + 1)
    const line = `${printable(`${kind}: ${row}: ${reason}`)}\n`
    if (this.#file !== undefined) writeSync(this.#file, line)
    else if (this.#refusedCount <= SHOWN_MAX) process.stderr.write(line)
  }

  /** Prints how many rows of each kind there were, and what became of them. */
  print(): void {
    for (const kind of KINDS) {
      const counts = (Object.keys(LABELS) as Count[]).flatMap((what) => {
        const count = this.#counts.get(`${kind} ${what}`)
        return count === undefined ? [] : [`${grouped(count)} ${LABELS[what]}`]
      })
      if (counts.length > 0) console.log(`${kind}: ${counts.join(', ')}`)
    }
    if (this.#refusedCount === 0) return
    for (const [reason, count] of this.#reasons) console.log(`  ${grouped(count)} × ${reason}`)
    const hidden = this.#refusedCount - SHOWN_MAX
    if (this.#path !== undefined) console.log(`Each refused row is named in ${this.#path}.`)
    else if (hidden > 0)
      console.log(`${grouped(hidden)} more are not shown: --report <file> names all.`)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}

function openReport(path: string): number {
  try {
    return openSync(path, 'w')
  } catch (cause) {
    const message = `--report: ${path} cannot be written (${systemCode(cause)})`
    throw new ChatError('setup', message, { cause })
  }
}
