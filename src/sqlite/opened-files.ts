import { existsSync, readdirSync, statSync } from 'node:fs'

/** The database, and what SQLite keeps beside it while it is in use: its log, and the log's index. */
const SUFFIXES = ['', '-wal', '-shm']
/** Those that hold messages. */
const DATA_SUFFIXES = ['', '-wal']
const OWN_DESCRIPTORS = '/proc/self/fd'

/**
 * The files behind an open database. A process keeps the files that it has opened whatever becomes of
 * their names, and so it would write into nowhere without noticing: this tells.
 */
export class OpenedFiles {
  readonly #path: string
  /** By suffix. */
  readonly #identities: Map<string, string | undefined>

  /** Call when the database is open: only then all its files are there. */
  constructor(path: string) {
    this.#path = path
    this.#identities = new Map(SUFFIXES.map((suffix) => [suffix, fileIdentity(path + suffix)]))
  }

  /** The database file's own, as it was opened. */
  get identity(): string | undefined {
    return this.#identities.get('')
  }

  /** False once a file was moved, deleted or replaced. Costs three calls of stat: some microseconds. */
  areInPlace(): boolean {
    for (const [suffix, identity] of this.#identities) {
      if (fileIdentity(this.#path + suffix) !== identity) return false
    }
    return true
  }

  /** Shell commands that copy the open files to `target`, whatever has become of their names. */
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
 * Which file has this name; undefined when none has. An inode's number is not given out again while
 * somebody has the file open.
 */
export function fileIdentity(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}

/** This process's own, by the file behind each; none where there is no /proc. */
function openDescriptors(): Map<string | undefined, string> {
  const names = existsSync(OWN_DESCRIPTORS) ? readdirSync(OWN_DESCRIPTORS) : []
  return new Map(names.map((name) => [fileIdentity(`${OWN_DESCRIPTORS}/${name}`), name]))
}
