import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { onTestFinished } from 'vitest'
import { waitFor } from './wait.ts'

/** The paths of all files below a folder, relative to it and in order. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}

/** A folder of the test's own, gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chat-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The sizes of all files below a folder, in bytes. */
export function sizesBelow(folder: string): number[] {
  return filesBelow(folder).map((path) => statSync(join(folder, path)).size)
}

/** The files of messages in an uploads folder, once none is marked: marks go after the answer. */
export async function settled(uploads: string): Promise<string[]> {
  const isMarked = () => filesBelow(uploads).some((path) => path.startsWith('.incoming'))
  await waitFor(() => !isMarked(), 'the marks to go')
  return filesBelow(uploads)
}
