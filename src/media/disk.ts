import { access, constants, link, open, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, parse } from 'node:path'
import { namesBefore, prepareFolders, SPOOL, writeError } from './folder.ts'
import { FOLDERS, pathsOf } from './kinds.ts'
import type { IsPosted, MediaStore } from './media-store.ts'

/**
 * The uploads folder. A kept file is linked to its path, and its name in the spool is the mark: so
 * the two are one file, on one file system.
 */
export class DiskStore implements MediaStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  prepare(): Promise<void> {
    const folders = Object.values(FOLDERS)
    return prepareFolders(this.#folder, [...folders.map(dirname), ...folders])
  }

  async put(path: string, file: string): Promise<void> {
    try {
      await link(file, this.#kept(path))
      await syncFolder(dirname(this.#kept(path)))
    } catch (error) {
      await this.remove(path)
      throw writeError(error)
    }
  }

  /** No link is followed, as when it is served. */
  async sizeOf(path: string): Promise<number | undefined> {
    try {
      const file = join(await realpath(this.#folder), path)
      if ((await realpath(file)) !== file) return undefined
      await access(file, constants.R_OK)
      const stats = await stat(file)
      return stats.isFile() ? stats.size : undefined
    } catch {
      return undefined
    }
  }

  async settle(path: string): Promise<void> {
    await rm(join(this.#folder, SPOOL, parse(path).name), { force: true })
  }

  async remove(path: string): Promise<void> {
    await rm(this.#kept(path), { force: true })
    await this.settle(path)
  }

  async sweep(isPosted: IsPosted, before: number): Promise<void> {
    for (const name of await namesBefore(join(this.#folder, SPOOL), before)) {
      for (const path of pathsOf(name)) {
        if (!(await isPosted(path))) await rm(this.#kept(path), { force: true })
      }
      await rm(join(this.#folder, SPOOL, name), { force: true })
    }
  }

  #kept(path: string): string {
    return join(this.#folder, path)
  }
}

/** A new name in a folder is durable only after an fsync of the folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
