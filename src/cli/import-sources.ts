import { createReadStream, existsSync } from 'node:fs'
import { settings } from '../config/config.ts'
import { ChatError, messageOf } from '../errors.ts'
import type { SourceDatabase } from '../mysql/source.ts'
import { countLines, readLines, type SourceLine } from './ndjson.ts'
import { addressOf, isShared } from './open-store.ts'

/** What can be imported, in the order in which it is. */
export const KINDS = ['users', 'messages', 'blocks'] as const
export type Kind = (typeof KINDS)[number]

/** Where the rows of one kind come from. */
export interface Source {
  kind: Kind
  /** Undefined where it is not known before the end. */
  count(): Promise<number | undefined>
  rows(): AsyncIterable<SourceLine>
}

export interface SourceOptions {
  /** The URL of a database server; undefined for none. */
  from: string | undefined
  fromCa: string | undefined
  password: string
  /** A query, the path of a file, or '-'. */
  given: Partial<Record<Kind, string | undefined>>
}

const STDIN = '-'
const QUERY = /^\s*(SELECT|WITH)\b/i

/** The sources, and the connection to close when they are read. */
export interface Sources {
  all: Source[]
  close(): void
}

/** @throws ChatError `setup` for what cannot be a source, or a server that does not let us in */
export async function openSources(options: SourceOptions): Promise<Sources> {
  const given = KINDS.flatMap((kind) => {
    const text = options.given[kind]
    return text === undefined ? [] : [{ kind, text: text.trim().replace(/;$/, '') }]
  })
  assertReadable(given.map(({ text }) => text))
  const database = await openDatabase(
    options,
    given.some(({ text }) => QUERY.test(text)),
  )
  const all = given.map(({ kind, text }) => {
    if (!QUERY.test(text)) return fileSource(kind, text)
    return querySource(kind, text, database as SourceDatabase)
  })
  return { all, close: () => database?.close() }
}

function assertReadable(texts: string[]): void {
  if (texts.length === 0) {
    throw setup('there is nothing to import: give --messages, --users or --blocks')
  }
  if (texts.filter((text) => text === STDIN).length > 1) {
    throw setup('stdin (-) can be one of --users, --messages and --blocks only')
  }
  const missing = texts.find((text) => !QUERY.test(text) && text !== STDIN && !existsSync(text))
  if (missing !== undefined)
    throw setup(`there is no file ${missing}, and a query begins with SELECT`)
}

async function openDatabase(
  { from, fromCa, password }: SourceOptions,
  hasQueries: boolean,
): Promise<SourceDatabase | undefined> {
  if (!hasQueries && from === undefined) return undefined
  if (!hasQueries) throw setup('--from is for queries: give --messages, --users or --blocks one')
  if (from === undefined) throw setup('a query needs --from mysql://user@host:3306/database')
  const address = addressOf(
    { database: sourceUrl(from), databasePassword: password, databaseCa: fromCa ?? '' },
    '--from-ca',
  )
  const { SourceDatabase } = await import('../mysql/source.ts')
  return SourceDatabase.open(address)
}

/** The password would be everybody's to read, in the arguments of this process. */
function sourceUrl(from: string): string {
  if (URL.canParse(from) && new URL(from).password !== '') {
    throw setup('--from must not hold the password: set CHAT_IMPORT_PASSWORD')
  }
  try {
    const database = settings.database.parse(from)
    if (isShared({ database })) return database
  } catch (error) {
    throw setup(`--from ${messageOf(error)}`)
  }
  throw setup('--from must be a URL such as mysql://user@host:3306/database')
}

function querySource(kind: Kind, query: string, database: SourceDatabase): Source {
  return { kind, count: () => database.count(query), rows: () => database.rows(query) }
}

function fileSource(kind: Kind, path: string): Source {
  if (path === STDIN) {
    return { kind, count: async () => undefined, rows: () => readLines(process.stdin) }
  }
  return { kind, count: () => countLines(path), rows: () => readLines(createReadStream(path)) }
}

function setup(message: string): ChatError {
  return new ChatError('setup', message)
}
