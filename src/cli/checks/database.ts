import { ChatError } from '../../errors.ts'
import { walBytes } from '../../sqlite/checkpoint.ts'
import { SCHEMA_VERSION } from '../../sqlite/migrations.ts'
import { DatabaseProbe } from '../../sqlite/probe.ts'
import { WAL_WARNED_BYTES_MIN } from '../../thresholds.ts'
import { error, type Finding, ok, warning } from './finding.ts'

interface DatabaseCheck {
  finding: Finding
  /** The caller closes it; undefined when there was nothing to open. */
  probe?: DatabaseProbe | undefined
  /** Whether it is valid and of this version, so that this version's queries run on it. */
  isReadable: boolean
}

const NAME = 'database'

/** Reads every page of the database, and writes a row that it rolls back. */
export function checkDatabase(path: string): DatabaseCheck {
  if (!DatabaseProbe.isThere(path)) {
    const advice = 'If it should (see CHAT_DATABASE), restore it; else start the chat: it makes it'
    return { finding: warning(NAME, `${path} does not exist. ${advice}`), isReadable: false }
  }
  let probe: DatabaseProbe | undefined
  try {
    probe = new DatabaseProbe(path)
    const version = probe.schemaVersion()
    if (version > 0) probe.checkIntegrity()
    if (version > 0) probe.checkWritable()
    return { finding: judgeVersion(path, version), probe, isReadable: version === SCHEMA_VERSION }
  } catch (cause) {
    if (!(cause instanceof ChatError)) throw cause
    return { finding: error(NAME, cause.message), probe, isReadable: false }
  }
}

/** @param version not a newer one: that was rejected before */
function judgeVersion(path: string, version: number): Finding {
  if (version === SCHEMA_VERSION) {
    return ok(NAME, `${path} is in order and can be written to (schema ${version})`)
  }
  if (version === 0) return warning(NAME, `${path} is empty. Start the chat: it is filled then`)
  const versions = `from schema ${version} to ${SCHEMA_VERSION}`
  return warning(NAME, `will be migrated ${versions} when the chat is restarted. Back it up first`)
}

export function checkWal(path: string): Finding {
  const name = 'write-ahead log'
  const bytes = walBytes(path)
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MB`
  if (bytes < WAL_WARNED_BYTES_MIN) return ok(name, size)
  return warning(name, `${size}: some program keeps a read open. See which: fuser ${path}`)
}
