import type { Chat } from '../../chat/chat.ts'
import type { Config } from '../../config/config.ts'
import { ChatError } from '../../errors.ts'
import { walBytes } from '../../sqlite/checkpoint.ts'
import { SCHEMA_VERSION } from '../../sqlite/migrations.ts'
import { DatabaseProbe } from '../../sqlite/probe.ts'
import { SqliteStore } from '../../sqlite/store.ts'
import { WAL_WARNED_BYTES_MIN } from '../../thresholds.ts'
import { error, type Finding, ok, warning } from './finding.ts'

/** A database as it was found. */
export interface CheckedDatabase {
  findings: Finding[]
  /** Undefined when it is not valid, or of another version: this one's queries do not run on it. */
  chat: Chat | undefined
  close(): Promise<void>
}

const NAME = 'database'

/** Reads every page of the database, and writes a row that it rolls back. */
export function checkDatabase(config: Config): CheckedDatabase {
  const path = config.database
  // Before the database is opened: SQLite removes the write-ahead log when it closes it.
  const wal = checkWal(path)
  const { finding, probe, isReadable } = open(path)
  return {
    findings: [finding, wal],
    chat: probe && isReadable ? new SqliteStore(probe.database, config) : undefined,
    close: async () => probe?.close(),
  }
}

interface Opened {
  finding: Finding
  /** Undefined when there was nothing to open. */
  probe?: DatabaseProbe | undefined
  isReadable: boolean
}

function open(path: string): Opened {
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
  return notCurrent(path, version, SCHEMA_VERSION)
}

/** A database that the next start of the chat fills or migrates. @param version 0 when it is empty */
export function notCurrent(name: string, version: number, current: number): Finding {
  if (version === 0) return warning(NAME, `${name} is empty. Start the chat: it is filled then`)
  const versions = `from schema ${version} to ${current}`
  return warning(NAME, `will be migrated ${versions} when the chat is restarted. Back it up first`)
}

function checkWal(path: string): Finding {
  const name = 'write-ahead log'
  const bytes = walBytes(path)
  const size = `${(bytes / 1024 / 1024).toFixed(1)} MB`
  if (bytes < WAL_WARNED_BYTES_MIN) return ok(name, size)
  return warning(name, `${size}: some program keeps a read open. See which: fuser ${path}`)
}
