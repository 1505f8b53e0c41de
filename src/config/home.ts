import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROGRAM_FOLDER = fileURLToPath(new URL('../..', import.meta.url))

/**
 * The folder where `.env` and the defaults of paths are: the project's, so that both processes share
 * one database from wherever they are started. As a package in the node_modules of another project
 * it is the current one: the next install deletes what lies in there.
 *
 * @param programFolder where this program lies
 */
export function homeFolder(programFolder = PROGRAM_FOLDER, currentFolder = process.cwd()): string {
  const isPackage = programFolder.split(sep).includes('node_modules')
  return isPackage ? currentFolder : programFolder
}

/** @param path relative to the home folder */
export function inHome(path: string): string {
  return join(homeFolder(), path)
}
