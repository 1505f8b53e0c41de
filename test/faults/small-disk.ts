import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PIECE_BYTES = 64 * 1024

/** A disk in memory that is soon full. Mounting one takes root. */
export class SmallDisk {
  readonly #folder: string
  #isMounted = true

  constructor(folder: string, bytes: number) {
    this.#folder = folder
    run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder])
  }

  /** Safe to call twice. */
  unmount(): void {
    // Lazily: whoever was killed may still have a file open for a moment.
    if (this.#isMounted) run('umount', ['-l', this.#folder])
    this.#isMounted = false
  }
}

/** Why there can be no small disk here; undefined when there can. */
export function whyNoDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'chat-disk-'))
  try {
    new SmallDisk(folder, PIECE_BYTES).unmount()
    return undefined
  } catch {
    return 'mounting a small disk is not permitted'
  } finally {
    rmdirSync(folder)
  }
}

/** Leaves no room on the disk of `folder`; the returned function gives it back. */
export function fillDisk(folder: string): () => void {
  const path = join(folder, 'ballast')
  const file = openSync(path, 'w')
  // The last bytes too: what is half a piece to us is a whole message to others.
  for (let bytes = PIECE_BYTES; bytes >= 1; bytes /= 2) writeUntilFull(file, Buffer.alloc(bytes))
  closeSync(file)
  return () => rmSync(path)
}

function writeUntilFull(file: number, piece: Buffer): void {
  try {
    while (writeSync(file, piece) === piece.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function run(command: string, args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' })
}
