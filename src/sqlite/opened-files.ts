import { existsSync, readdirSync, statSync } from 'node:fs'

/** The database, its write-ahead log, and the index of that. */
const SUFFIXES = ['', '-wal', '-shm']
/** Those that hold messages. */
const DATA_SUFFIXES = ['', '-wal']
const OWN_DESCRIPTORS = '/proc/self/fd'

/**
 * The files behind an open database. A process keeps an open file when its name is moved, deleted
 * or replaced, and would write into a file that is lost: this detects it.
 */
export class OpenedFiles {
  readonly #path: string
  /** By suffix. */
  readonly #identities: Map<string, string | undefined>

  /** Call when the database is open: only then do all its files exist. */
  constructor(path: string) {
    this.#path = path
    this.#identities = new Map(SUFFIXES.map((suffix) => [suffix, fileIdentity(path + suffix)]))
  }

  /** The identity of the database file, as it was opened. */
  get identity(): string | undefined {
    return this.#identities.get('')
  }

  /** False once a file was moved, deleted or replaced. Costs three stats: some microseconds. */
  areInPlace(): boolean {
    for (const [suffix, identity] of this.#identities) {
      if (fileIdentity(this.#path + suffix) !== identity) return false
    }
    return true
  }

  /** Shell commands that copy the open files to `target`, also after their names are gone. */
  copyCommands(target: string): string[] {
    const descriptors = openDescriptors()
    return DATA_SUFFIXES.flatMap((suffix) => {
      const descriptor = descriptors.get(this.#identities.get(suffix))
      const copied = `/proc/${process.pid}/fd/${descriptor}`
      return descriptor === undefined ? [] : [`cp ${copied} ${target}${suffix}`]
    })
  }
}

/**
 * Identifies the file of this name; undefined when there is none. The system does not reuse the
 * number of an inode while a process has the file open.
 */
export function fileIdentity(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}

/** The descriptors of this process, by the identity of the file; none where there is no /proc. */
function openDescriptors(): Map<string | undefined, string> {
  const names = existsSync(OWN_DESCRIPTORS) ? readdirSync(OWN_DESCRIPTORS) : []
  return new Map(names.map((name) => [fileIdentity(`${OWN_DESCRIPTORS}/${name}`), name]))
}
