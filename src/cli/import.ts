import type { Command } from 'commander'
import type { Chat } from '../chat/chat.ts'
import { Clock } from '../chat/clock.ts'
import type { ImportedBlock, ImportedMessage, ImportedUser } from '../chat/imports.ts'
import { type Config, settings } from '../config/config.ts'
import { ChatError, messageOf } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { usualPrefixes } from '../media/source-path.ts'
import { Staging } from '../sqlite/staging.ts'
import { chunksOf } from './chunks.ts'
import { ImportCheck } from './import-check.ts'
import { Report } from './import-report.ts'
import { type Kind, openSources, type Source } from './import-sources.ts'
import { openMediaStore } from './open-api.ts'
import { openExistingStore } from './open-store.ts'
import { addCommand, configFrom, type Flags } from './program.ts'
import { Progress } from './progress.ts'

/** While one batch is written, the next is made; or both share a commit. */
const BATCHES_AT_ONCE = 2
/** On average: rows with more are written in smaller batches. */
const CHARACTERS_PER_ROW = 256
/** Exit code when all but the refused rows are imported. */
const ROWS_REFUSED = 2

/** Adds `chat-api import`: carries over what the PHP chat stored. */
export function addImport(program: Command): void {
  addCommand(program, 'import', 'carry over what the PHP chat stored, with its ids')
    .option('--from <url>', 'the MySQL server of the queries: mysql://user@host:3306/database')
    .option('--from-ca <file>', 'to reach it by TLS: the certificate that signed its own')
    .option('--messages <source>', 'a query (SELECT …), a file of NDJSON, or - for stdin')
    .option('--users <source>', 'likewise')
    .option('--blocks <source>', 'likewise')
    .option('--media-prefix <text>', 'what stands before the path below the uploads folder')
    .option('--from-timezone <zone>', 'of its times (default: --timezone)')
    .option('--dry-run', 'write nothing, and tell what would be imported and refused')
    .option('--report <file>', 'name each refused row there; else the first on stderr')
    .action(importRows)
}

/** What an import works with. */
interface Parts {
  chat: Chat
  staging: Staging
  report: Report
  check: ImportCheck
}

async function importRows(flags: Flags): Promise<void> {
  const config = configFrom(flags)
  const clock = new Clock(sourceTimezone(flags, config))
  const mediaPrefixes = flags.mediaPrefix ? [flags.mediaPrefix] : usualPrefixes(config.publicUrl)
  const sources = await openSources({
    from: flags.from,
    fromCa: flags.fromCa,
    password: config.importPassword,
    given: { users: flags.users, messages: flags.messages, blocks: flags.blocks },
  })
  try {
    const chat = await openExistingStore(config, { durable: true })
    const report = new Report(flags.report)
    const staging = new Staging()
    const mediaStore = openMediaStore(config, stderrLog(config))
    const { messageLengthMax } = config
    const parts = { chat, staging, report, mediaStore, clock, messageLengthMax, mediaPrefixes }
    try {
      const check = new ImportCheck(parts)
      await untouched(() => read(sources.all, check))
      if (!flags.dryRun) await write({ chat, staging, report, check })
    } finally {
      staging.close()
      report.close()
      await chat.close()
    }
    report.print()
    console.log(flags.dryRun ? 'Nothing was written.' : 'All that is not refused is there.')
    if (report.refusedCount > 0) process.exitCode = ROWS_REFUSED
  } finally {
    sources.close()
  }
}

/** A phone is shown what it was shown before, if both have the same time zone. */
function sourceTimezone({ fromTimezone }: Flags, { timezone }: Config): string {
  if (fromTimezone === undefined) return timezone
  try {
    return settings.timezone.parse(fromTimezone)
  } catch (error) {
    throw new ChatError('setup', `--from-timezone ${messageOf(error)}`)
  }
}

async function read(sources: Source[], check: ImportCheck): Promise<void> {
  for (const source of sources) {
    const progress = new Progress(`Reading ${source.kind}`, await source.count())
    for await (const lines of chunksOf(source.rows(), lengthOf)) {
      await check.take(source.kind, lines)
      progress.advance(lines.length)
    }
    progress.end()
  }
  await check.assertNoClients()
}

/** Writes what is staged; the ids first, so that no client gets one of them meanwhile. */
async function write(parts: Parts): Promise<void> {
  const { check, report } = parts
  const { imports } = parts.chat
  await untouched(async () => {
    if (check.highestId > 0) await imports.reserveIds(check.highestId)
    await check.assertNoClients()
  })
  try {
    await writeStaged<ImportedUser>(parts, 'users', async (users) => {
      report.count('users', 'new', await imports.addUsers(users))
    })
    await writeStaged<ImportedMessage>(parts, 'messages', async (messages) => {
      await imports.addMessages(messages)
    })
    await writeStaged<ImportedBlock>(parts, 'blocks', async (blocks) => {
      report.count('blocks', 'new', await imports.addBlocks(blocks))
    })
  } catch (error) {
    throw withAdvice(error, 'What is imported so far is whole: the next run adds the rest.')
  }
}

async function writeStaged<Row extends object>(
  { staging, chat }: Parts,
  kind: Kind,
  add: (rows: Row[]) => Promise<void>,
): Promise<void> {
  const count = staging.count(kind)
  if (count === 0) return
  const progress = new Progress(`Writing ${kind}`, count)
  const { batchRows } = chat.imports
  const max = { rows: batchRows, characters: batchRows * CHARACTERS_PER_ROW }
  const batches = chunksOf(staging.rows<Row>(kind), lengthOf, max)
  const writeNext = async () => {
    for await (const rows of batches) {
      await add(rows)
      progress.advance(rows.length)
    }
  }
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, writeNext))
  progress.end()
}

/** The characters, or bytes, of its text. */
function lengthOf(row: object): number {
  const { message } = row as { message?: unknown }
  return typeof message === 'string' || Buffer.isBuffer(message) ? message.length : 0
}

/** Runs what changes nothing in the chat, and says so when it fails. */
async function untouched(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw withAdvice(error, 'Nothing was imported.')
  }
}

function withAdvice(error: unknown, advice: string): unknown {
  if (!(error instanceof ChatError)) return error
  return new ChatError('setup', `${messageOf(error)} ${advice}`, { cause: error })
}

function stderrLog({ logFormat }: Config): Log {
  return createLog(logFormat, (line) => process.stderr.write(line))
}
