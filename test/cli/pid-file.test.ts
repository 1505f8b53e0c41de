import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claimPidFile, readPidFile } from '../../src/cli/background.ts'
import { processStartedAt } from '../../src/sqlite/process-identity.ts'
import { temporaryFolder } from '../support/folders.ts'

const { pid, ppid } = process

function pidFile(content: string): string {
  const path = join(temporaryFolder(), 'chat-api.pid')
  writeFileSync(path, content)
  return path
}

test('a pid file names a living process by its pid and its start', () => {
  expect(readPidFile(pidFile(`${pid}\n${processStartedAt(pid)}\n`))).toBe(pid)
})

test.for([
  ['a process that is gone', `${2 ** 22 + 1}\n${processStartedAt(pid)}\n`],
  ['a process that started at another time', `${pid}\n${processStartedAt(ppid)}\n`],
  ['a pid alone', `${pid}\n`],
  ['nothing', ''],
  ['a text', 'chat-api\n'],
  ['every process (-1)', `-1\n${processStartedAt(pid)}\n`],
  ['the own process group (0)', `0\n${processStartedAt(pid)}\n`],
])('a pid file that names %s is not believed', ([, content]) => {
  expect(readPidFile(pidFile(content as string))).toBeUndefined()
})

test('a pid file that is not there names nobody', () => {
  expect(readPidFile(join(temporaryFolder(), 'chat-api.pid'))).toBeUndefined()
})

test('a claimed pid file is there until it is released', () => {
  const path = join(temporaryFolder(), 'new', 'folder', 'chat-api.pid')

  const release = claimPidFile(path)
  expect(readPidFile(path)).toBe(pid)
  release()

  expect(existsSync(path)).toBe(false)
})

test('a stale pid file is taken over', () => {
  const path = pidFile(`${pid}\nsome time ago\n`)
  claimPidFile(path)
  expect(readPidFile(path)).toBe(pid)
})

test('the pid file of another living process is neither claimed nor released', () => {
  const content = `${ppid}\n${processStartedAt(ppid)}\n`
  const path = pidFile(content)
  claimPidFile(path)()
  expect(readFileSync(path, 'utf8')).toBe(content)
})
