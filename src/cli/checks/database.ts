import { ChatError } from '../../errors.ts'
import { walBytes } from '../../sqlite/checkpoint.ts'
import { WAL_WARNED_BYTES_MIN } from '../../sqlite/checkpointer.ts'
import { SCHEMA_VERSION } from '../../sqlite/migrations.ts'
import { DatabaseProbe } from '../../sqlite/probe.ts'
import { error, type Finding, ok, warning } from './finding.ts'

export interface DatabaseExamination {
  findings: Finding[]
  /** `older`: it cannot be asked the questions of this version. `none`: nothing is in it yet. */
  state: 'good' | 'older' | 'broken' | 'none'
  /** To be closed; undefined unless it is good. */
  probe: DatabaseProbe | undefined
}

const NAME = 'database'

export async function examineDatabase(path: string): Promise<DatabaseExamination> {
  if (!DatabaseProbe.isThere(path)) {
    const advice =
      'If it should (see CHAT_DATABASE), restore it; else start the chat, which makes it'
    return nothing(`${path} does not exist. ${advice}`)
  }
  // Before it is opened: whoever closes it last takes the log away.
  const wal = checkWal(path)
  const findings: Finding[] = []
  let probe: DatabaseProbe | undefined
  try {
    probe = new DatabaseProbe(path)
    const version = probe.schemaVersion()
    if (version === 0) {
      await probe.close()
      return nothing(`${path} is empty. Start the chat: it is filled then`)
    }
    findings.push(ok(NAME, `${path} can be read (schema ${version})`), wal)
    look(probe, findings)
    if (version === SCHEMA_VERSION) return { findings, state: 'good', probe }
    await probe.close()
    return { findings: [...findings, older(version)], state: 'older', probe: undefined }
  } catch (cause) {
    await probe?.close()
    if (!(cause instanceof ChatError)) throw cause
    return {
      findings: [...findings, error(NAME, cause.message)],
      state: 'broken',
      probe: undefined,
    }
  }
}

/** @throws ChatError at the first step that fails */
function look(probe: DatabaseProbe, findings: Finding[]): void {
  probe.checkIntegrity()
  findings.push(ok(NAME, 'every page is in order'))
  probe.checkWritable()
  findings.push(ok(NAME, 'can be written to'))
}

function older(version: number): Finding {
  const versions = `from schema ${version} to ${SCHEMA_VERSION}`
  return warning(
    NAME,
    `will be migrated ${versions} when the chat is started anew. Back it up first`,
  )
}

function nothing(message: string): DatabaseExamination {
  return { findings: [warning(NAME, message)], state: 'none', probe: undefined }
}

function checkWal(path: string): Finding {
  const bytes = walBytes(path)
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MB`
  if (bytes < WAL_WARNED_BYTES_MIN) return ok('write-ahead log', size)
  const advice = `some program keeps a read open. See which: fuser ${path}`
  return warning('write-ahead log', `has grown to ${size}: ${advice}`)
}
